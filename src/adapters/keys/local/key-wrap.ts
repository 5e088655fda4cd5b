import { createCipheriv, createDecipheriv } from 'node:crypto';
import { LinewardError } from '../../../errors/lineward-error.ts';

/** The alternative initial value of RFC 5649, section 3. OpenSSL appends the length itself. */
const initialValue = Buffer.from('a65959a6', 'hex');

/** AES key wrap with padding (RFC 5649) under a key-encryption key of 16, 24 or 32 bytes. */
export function wrapKey(kek: Buffer, key: Buffer): Buffer {
  const cipher = createCipheriv(algorithm(kek), kek, initialValue);
  return Buffer.concat([cipher.update(key), cipher.final()]);
}

/** Throws an error of Node or KEY_MISMATCH when the bytes were not wrapped under this key. */
export function unwrapKey(kek: Buffer, wrapped: Buffer): Buffer {
  // OpenSSL unwraps nothing to nothing, without a check.
  if (wrapped.length === 0) throw new LinewardError('KEY_MISMATCH');
  const decipher = createDecipheriv(algorithm(kek), kek, initialValue);
  return Buffer.concat([decipher.update(wrapped), decipher.final()]);
}

function algorithm(kek: Buffer): string {
  return `id-aes${kek.length * 8}-wrap-pad`;
}
