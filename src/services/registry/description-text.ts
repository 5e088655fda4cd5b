import { LinewardError } from '../../errors/lineward-error.ts';

/** Most characters of an entity's documentation. */
export const documentationCharsMax = 100_000;
const labelCharsMax = 200;
const labelsMax = 100;

interface TextRule {
  readonly path: readonly string[];
  readonly charsMax: number;
  /** True where line breaks and tabs may stand. */
  readonly lines: boolean;
}

/** @throws LinewardError LIMIT_EXCEEDED, or BAD_INPUT for control characters and broken surrogate pairs. */
export function assertPlainText(text: string, { path, charsMax, lines }: TextRule): void {
  if (text.length > charsMax)
    throw new LinewardError('LIMIT_EXCEEDED', `${path.join('.')}: at most ${charsMax} characters`, { path });
  if ((lines ? /[^\P{Cc}\n\r\t]/u : /\p{Cc}/u).test(text) || !text.isWellFormed())
    throw new LinewardError('BAD_INPUT', `${path.join('.')}: must not hold control characters`, { path });
}

/**
 * Names of owners or tags: trimmed, without duplicates, in their order.
 * @throws LinewardError LIMIT_EXCEEDED for more than 100, or more than 200 characters; BAD_INPUT for blank ones.
 */
export function readLabels(labels: readonly string[], place: string): readonly string[] {
  if (labels.length > labelsMax)
    throw new LinewardError('LIMIT_EXCEEDED', `${place}: at most ${labelsMax}`, { path: [place] });
  const read = labels.map((label, index) => {
    const path = [place, String(index)];
    assertPlainText(label, { path, charsMax: labelCharsMax, lines: false });
    if (label.trim() === '') throw new LinewardError('BAD_INPUT', `${path.join('.')}: must not be blank`, { path });
    return label.trim();
  });
  return [...new Set(read)];
}
