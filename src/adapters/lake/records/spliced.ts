/** Where something lies among bytes. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Bytes with others in the places of some of them; places do not overlap. */
export function spliced(bytes: Buffer, splices: readonly (Span & { readonly value: Buffer })[]): Buffer {
  const parts: Buffer[] = [];
  let copied = 0;
  for (const { start, end, value } of [...splices].sort((one, other) => one.start - other.start)) {
    parts.push(bytes.subarray(copied, start), value);
    copied = end;
  }
  return Buffer.concat([...parts, bytes.subarray(copied)]);
}
