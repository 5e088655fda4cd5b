import { ByteWriter } from '../byte-writer.ts';
import { sized, tag } from './scalar-encoding.ts';
import type { WireField } from './wire-reader.ts';

/** A field of bytes with another content: behind its length, or between the two tags of a group. */
export function rewritten({ number, wireType }: Pick<WireField, 'number' | 'wireType'>, content: Uint8Array): Buffer {
  const out = new ByteWriter();
  tag(out, number, wireType);
  if (wireType !== 3) {
    sized(out, content);
    return out.bytes;
  }
  out.raw(content);
  tag(out, number, 4);
  return out.bytes;
}
