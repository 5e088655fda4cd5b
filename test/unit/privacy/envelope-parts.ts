import { LinewardError } from '../../../src/errors/lineward-error.ts';

export const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
export const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
export const jsonOf = (envelope: string): string => Buffer.from(envelope, 'base64').toString('utf8');
export const partsOf = (envelope: string): Record<string, unknown> => JSON.parse(jsonOf(envelope));
export const ciphertextOf = (envelope: string): Buffer => Buffer.from(String(partsOf(envelope).ct), 'base64url');

/** The envelope with other members, written as envelopes are. */
export const rebuilt = (envelope: string, changes: Record<string, unknown>): string =>
  base64(JSON.stringify({ ...partsOf(envelope), ...changes }));
export const withCiphertext = (envelope: string, ct: Buffer): string =>
  rebuilt(envelope, { ct: ct.toString('base64url') });

export function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return error instanceof LinewardError ? error.code : String(error);
  }
  return 'nothing thrown';
}

/** What must answer a text that is no envelope of ours: only one that names another suite where suites are named is told so. */
export function refusalOf(text: string): string {
  const decoded = Buffer.from(text, 'base64');
  const suite = /^\{"crypto_id":(\d+),/.exec(decoded.toString('latin1'))?.[1];
  const named = decoded.toString('base64') === text && suite !== undefined && !/^0\d/.test(suite);
  return named && !['1', '2', '3'].includes(suite) ? 'SUITE_UNKNOWN' : 'DECRYPT_FAILED';
}

/** Every copy of `original` with one bit turned. */
export function* bitFlips(original: Buffer): Generator<Buffer> {
  for (let bit = 0; bit < original.length * 8; bit += 1) {
    const flipped = Buffer.from(original);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    yield flipped;
  }
}
