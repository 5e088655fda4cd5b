/** Types an answer may have, the most preferred first; quality decides only between what a client accepts equally. */
export const answerTypes = [
  'application/vnd.schemaregistry.v1+json',
  'application/vnd.schemaregistry+json',
  'application/json',
] as const;
export type AnswerType = (typeof answerTypes)[number];

/** Bodies of these types are read as JSON; clients that know no better send the last one. */
const bodyTypes: ReadonlySet<string> = new Set([...answerTypes, 'application/octet-stream']);

/** Longest `Accept` header whose answer is remembered, in characters, and how many are. */
const rememberedCharsMax = 256;
const rememberedMax = 100;
const remembered = new Map<string, AnswerType | null>();

interface Range {
  /** `application/json`, `application/*` or `*\/*`. */
  readonly type: string;
  readonly quality: number;
}

/** The type to answer a request with that sent this `Accept` header; null when none of ours fits. */
export function answerTypeFor(accept: string | undefined): AnswerType | null {
  if (accept === undefined || accept === '*/*' || accept === answerTypes[0]) return answerTypes[0];
  const known = remembered.get(accept);
  if (known !== undefined) return known;
  const found = bestOf(rangesOf(accept));
  if (accept.length <= rememberedCharsMax && remembered.size < rememberedMax) remembered.set(accept, found);
  return found;
}

/** Whether a body with this `Content-Type` header is read; parameters such as `charset` do not matter. */
export function isBodyType(contentType: string | undefined): boolean {
  return contentType === undefined || bodyTypes.has(withoutParameters(contentType));
}

function withoutParameters(type: string): string {
  const cut = type.indexOf(';');
  return (cut < 0 ? type : type.slice(0, cut)).trim().toLowerCase();
}

function rangesOf(accept: string): readonly Range[] {
  return accept.split(',').flatMap((part) => {
    const type = withoutParameters(part);
    if (type === '') return [];
    const quality = /;\s*q\s*=\s*([\d.]+)/i.exec(part)?.[1];
    // Old Java clients send `*` for `*/*`.
    return [{ type: type === '*' ? '*/*' : type, quality: quality === undefined ? 1 : Number(quality) || 0 }];
  });
}

function bestOf(ranges: readonly Range[]): AnswerType | null {
  if (ranges.length === 0) return answerTypes[0];
  let best: { readonly type: AnswerType; readonly quality: number } | null = null;
  for (const type of answerTypes) {
    // The range that names a type most closely says how welcome it is.
    const range = [type, 'application/*', '*/*']
      .map((name) => ranges.find((candidate) => candidate.type === name))
      .find((candidate) => candidate !== undefined);
    const quality = range?.quality ?? 0;
    if (quality > 0 && quality > (best?.quality ?? 0)) best = { type, quality };
  }
  return best?.type ?? null;
}
