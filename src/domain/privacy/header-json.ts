import { LinewardError } from '../../errors/lineward-error.ts';

/** Members of a JSON object; none for any other text. What reads them compares its own writing with the text afterwards. */
export function membersOf(json: string): Readonly<Record<string, unknown>> {
  try {
    const members: unknown = JSON.parse(json);
    return typeof members === 'object' && members !== null ? { ...members } : {};
  } catch {
    return {};
  }
}

/**
 * Of an unknown suite only the beginning is known, so no more of it can be checked before it is named.
 * @throws LinewardError SUITE_UNKNOWN when the header begins as one does and names a suite that is not `known`.
 */
export function assertSuite(json: string, known: (suite: number) => boolean): void {
  const suite = /^\{"crypto_id":(0|[1-9]\d{0,8}),/.exec(json)?.[1];
  if (suite !== undefined && !known(Number(suite))) throw new LinewardError('SUITE_UNKNOWN');
}
