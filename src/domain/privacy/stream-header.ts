import { isAccountId } from './account-id.ts';
import { commitmentBytes, saltBytes } from './commit-suite.ts';
import { decryptFailed, isKeyVersion, isSubjectScope } from './envelope-context.ts';
import { assertSuite, membersOf } from './header-json.ts';

export const streamSuite = 4;
/** Bytes of plaintext per chunk. */
const chunkBytesMin = 16;
const chunkBytesMax = 4 * 1024 * 1024;
/** Where the length of the JSON stands, and where the JSON begins. */
const lengthAt = 4;
export const jsonAt = 8;
/** Longest header: names of 200 characters, each an escape of 6 bytes at most, and what is fixed. */
export const streamHeaderBytesMax = 4096;

const magic = Buffer.from('LWST', 'latin1');

/** What a sealed stream says of itself before its first chunk. */
export interface StreamHeader {
  readonly accountId: string;
  readonly subjectScope?: string;
  readonly keyVersion: number;
  /** Bytes of plaintext in every chunk but the last. */
  readonly chunkBytes: number;
  /** 32 bytes; the key of the stream is derived with it. */
  readonly salt: Buffer;
  /** 32 bytes derived beside the key of the stream: no second key opens it. */
  readonly commitment: Buffer;
}

/**
 * `LWST` ‖ length of the JSON in 4 bytes, big endian ‖ JSON
 * `{"crypto_id":4,"sid":account,"sub":subject scope,"kv":key version,"chunk":bytes,"salt":base64url,"commit":base64url}`,
 * without `sub` for a key of the whole account.
 */
export function encodeStreamHeader(header: StreamHeader): Buffer {
  const sub = header.subjectScope === undefined ? '' : `"sub":${JSON.stringify(header.subjectScope)},`;
  const salt = header.salt.toString('base64url');
  const commitment = header.commitment.toString('base64url');
  const json =
    `{"crypto_id":${streamSuite},"sid":${JSON.stringify(header.accountId)},${sub}"kv":${header.keyVersion},` +
    `"chunk":${header.chunkBytes},"salt":"${salt}","commit":"${commitment}"}`;
  const bytes = Buffer.from(json, 'utf8');
  const length = Buffer.alloc(jsonAt - lengthAt);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([magic, length, bytes]);
}

/**
 * Length of a whole header in bytes, from the first 8 of a stream.
 * @throws LinewardError DECRYPT_FAILED when they do not begin a sealed stream.
 */
export function streamHeaderBytes(start: Buffer): number {
  if (start.length < jsonAt || !start.subarray(0, lengthAt).equals(magic)) throw decryptFailed();
  const length = jsonAt + start.readUInt32BE(lengthAt);
  if (length > streamHeaderBytesMax) throw decryptFailed();
  return length;
}

/**
 * The header of a sealed stream from its first bytes ({@link streamHeaderBytesMax} are always enough). Nothing in it is
 * authenticated: use it to find the key version, and check the account and subject scope against the caller's own.
 * @throws LinewardError DECRYPT_FAILED, SUITE_UNKNOWN.
 */
export function readStreamHeader(start: Buffer): StreamHeader {
  const bytes = start.subarray(0, streamHeaderBytes(start));
  const json = bytes.toString('utf8', jsonAt);
  assertSuite(json, (suite) => suite === streamSuite);
  const header = headerOf(membersOf(json));
  // Written anew and compared: what JSON.parse and base64url let pass does not.
  if (header === null || !encodeStreamHeader(header).equals(bytes)) throw decryptFailed();
  return header;
}

export function isChunkBytes(chunkBytes: number): boolean {
  return Number.isInteger(chunkBytes) && chunkBytes >= chunkBytesMin && chunkBytes <= chunkBytesMax;
}

function headerOf({ sid, sub, kv, chunk, salt, commit }: Readonly<Record<string, unknown>>): StreamHeader | null {
  if (typeof sid !== 'string' || !isAccountId(sid) || typeof kv !== 'number' || !isKeyVersion(kv)) return null;
  if (typeof chunk !== 'number' || !isChunkBytes(chunk)) return null;
  const [saltOf, commitmentOf] = [bytesOf(salt, saltBytes), bytesOf(commit, commitmentBytes)];
  if (saltOf === null || commitmentOf === null) return null;
  const header = { accountId: sid, keyVersion: kv, chunkBytes: chunk, salt: saltOf, commitment: commitmentOf };
  if (sub === undefined) return header;
  return typeof sub === 'string' && isSubjectScope(sub) ? { ...header, subjectScope: sub } : null;
}

function bytesOf(text: unknown, length: number): Buffer | null {
  if (typeof text !== 'string') return null;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === length ? bytes : null;
}
