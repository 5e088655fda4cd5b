/** Header of a copied record that says where it stood before: topic and offset. Later copies replace it. */
export const sourceHeader = 'lineward-src-offset';

/** Kafka takes no longer names. */
export const topicCharsMax = 249;

/** `calls` becomes `calls.g2`, that becomes `calls.g3`. Numbers up to `usedMax` are taken. */
export function nextGeneration(topic: string, usedMax = 1): string {
  const { base, number } = generationOf(topic);
  return `${base}.g${Math.max(number, usedMax) + 1}`;
}

/** A name that nobody has generated is the first generation of itself. */
export function generationOf(topic: string): { readonly base: string; readonly number: number } {
  const found = /^(?<base>.+)\.g(?<number>[1-9]\d{0,8})$/u.exec(topic)?.groups;
  return found?.base === undefined ? { base: topic, number: 1 } : { base: found.base, number: Number(found.number) };
}

export const sourceMark = (topic: string, offset: string): string => `${topic}@${offset}`;

/** Offset of the record in `topic` that this is the copy of; null for a record that is none of that topic's. */
export function sourceOffset(header: Buffer | undefined, topic: string): bigint | null {
  const mark = header?.toString('utf8') ?? '';
  const digits = mark.startsWith(`${topic}@`) ? mark.slice(topic.length + 1) : '';
  return /^\d{1,19}$/u.test(digits) ? BigInt(digits) : null;
}
