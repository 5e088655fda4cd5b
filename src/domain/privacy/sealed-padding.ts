import { decryptFailed } from './envelope-context.ts';
import { typedMark } from './sealed-value.ts';

/** p, behind {@link typedMark}. */
const paddingTag = 0x70;
/** Mark, tag and the length of what is padded in 4 bytes, big endian. */
const headBytes = 6;

/**
 * `FF 70` ‖ length ‖ plaintext ‖ zeros up to a bucket of 16, 32, 64, 128, 256, 512, 1024 bytes or a multiple of 1024, so
 * that the length of an envelope tells its bucket alone.
 */
export function pad(plaintext: Buffer): Buffer {
  const padded = Buffer.alloc(bucketBytes(headBytes + plaintext.length));
  padded[0] = typedMark;
  padded[1] = paddingTag;
  padded.writeUInt32BE(plaintext.length, 2);
  plaintext.copy(padded, headBytes);
  return padded;
}

/**
 * What was padded, and a plaintext without padding as it is. Padding within padding comes back as it is too, and is then
 * no sealed value.
 * @throws LinewardError DECRYPT_FAILED for any other padding.
 */
export function unpad(plaintext: Buffer): Buffer {
  if (plaintext[0] !== typedMark || plaintext[1] !== paddingTag) return plaintext;
  if (plaintext.length < headBytes) throw decryptFailed();
  const end = headBytes + plaintext.readUInt32BE(2);
  const zeros = plaintext.subarray(end);
  if (bucketBytes(end) !== plaintext.length || zeros.some((byte) => byte !== 0)) throw decryptFailed();
  return plaintext.subarray(headBytes, end);
}

function bucketBytes(length: number): number {
  if (length > 1024) return Math.ceil(length / 1024) * 1024;
  let bucket = 16;
  while (bucket < length) bucket *= 2;
  return bucket;
}
