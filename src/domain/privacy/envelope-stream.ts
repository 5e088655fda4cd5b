import { createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { LinewardError } from '../../errors/lineward-error.ts';
import { decryptGcm, encryptGcm, ivBytes, tagBytes } from './aes-gcm.ts';
import { ByteSource } from './byte-source.ts';
import { commitmentBytes, saltBytes } from './commit-suite.ts';
import { deriveKey } from './derive-key.ts';
import { assertOpenContext, associatedData, decryptFailed, type OpenContext } from './envelope-context.ts';
import {
  encodeStreamHeader,
  isChunkBytes,
  jsonAt,
  readStreamHeader,
  type StreamHeader,
  streamHeaderBytes,
  streamSuite,
} from './stream-header.ts';

export interface SealStreamContext extends OpenContext {
  /** Bytes of plaintext per chunk, 16 to 4 MiB; 64 KiB unless told. */
  readonly chunkBytes?: number | undefined;
}

const chunkBytesDefault = 64 * 1024;
const noncePrefixBytes = 7;
const chunksMax = 2 ** 32;

/**
 * Encrypts a stream of bytes of any length in flat memory: a header (see `encodeStreamHeader`) and then chunks of
 * ciphertext ‖ tag(16), the last of them shorter or as long as the others. Each chunk is sealed by AES-256-GCM in the
 * STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): its nonce is prefix(7) ‖ counter(4) ‖ 1 for the last
 * chunk and 0 for the others. Key, commitment and prefix are derived by HKDF-SHA-512 with a salt of the stream's own, so
 * no two streams share a nonce under one key.
 * @throws LinewardError VALUE_INVALID at once for a context that cannot be, and while reading for a chunk that is not
 * bytes or for more than 2^32 chunks; what the source throws passes as it is.
 */
export function sealStream(
  context: SealStreamContext,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  return sealStreamWith(randomBytes(saltBytes), context, chunks);
}

/** {@link sealStream} with a given 32-byte salt. For known-answer tests alone: a salt used twice breaks the stream. */
export function sealStreamWith(
  salt: Buffer,
  context: SealStreamContext,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  const { accountId, subjectScope, keyVersion, chunkBytes = chunkBytesDefault } = context;
  assertOpenContext(context);
  if (!isChunkBytes(chunkBytes)) {
    throw new LinewardError('VALUE_INVALID', 'A chunk of a sealed stream has 16 bytes to 4 MiB.');
  }
  const secrets = deriveStreamSecrets(context.key, salt);
  const header: StreamHeader = {
    ...{ accountId, keyVersion, chunkBytes, salt, commitment: secrets.commitment },
    ...(subjectScope === undefined ? {} : { subjectScope }),
  };
  return sealedParts(header, new ChunkCipher(secrets, chunkAad(context, chunkBytes)), chunks);
}

/**
 * Decrypts a sealed stream of the caller's account, subject scope and key version in flat memory. A chunk is given out
 * behind its checked tag alone, but the stream is whole only when the generator ends without an error: until then treat
 * what came as the beginning of something that may have been cut.
 * @throws LinewardError DECRYPT_FAILED without a reason for anything that does not fit, also chunks that are missing,
 * moved, doubled or taken from another stream, and bytes behind the last; SUITE_UNKNOWN; VALUE_INVALID for a chunk that
 * is not bytes. What the source throws passes as it is.
 */
export async function* openStream(
  context: OpenContext,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  const source = new ByteSource(chunks);
  try {
    const header = await readHeader(source);
    const cipher = cipherOf(context, header);
    const sealed = Buffer.allocUnsafe(header.chunkBytes + tagBytes);
    for (let last = false; !last; ) {
      const first = cipher.first;
      const length = await source.read(sealed);
      last = await source.atEnd();
      const plaintext = cipher.open(sealed.subarray(0, length), last);
      // Only an empty stream ends in an empty chunk: one stream has one sealed form per salt.
      if (plaintext.length === 0 && !first) throw decryptFailed();
      if (plaintext.length > 0) yield plaintext;
    }
  } finally {
    await source.close();
  }
}

async function* sealedParts(
  header: StreamHeader,
  cipher: ChunkCipher,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  const source = new ByteSource(chunks);
  try {
    yield encodeStreamHeader(header);
    const plaintext = Buffer.allocUnsafe(header.chunkBytes);
    for (let last = false; !last; ) {
      const length = await source.read(plaintext);
      last = await source.atEnd();
      yield cipher.seal(plaintext.subarray(0, length), last);
    }
  } finally {
    await source.close();
  }
}

async function readHeader(source: ByteSource): Promise<StreamHeader> {
  const start = Buffer.alloc(jsonAt);
  if ((await source.read(start)) < start.length) throw decryptFailed();
  const json = Buffer.alloc(streamHeaderBytes(start) - jsonAt);
  if ((await source.read(json)) < json.length) throw decryptFailed();
  return readStreamHeader(Buffer.concat([start, json]));
}

function cipherOf(context: OpenContext, header: StreamHeader): ChunkCipher {
  const own = header.accountId === context.accountId && header.keyVersion === context.keyVersion;
  if (!own || header.subjectScope !== context.subjectScope) throw decryptFailed();
  try {
    assertOpenContext(context);
  } catch {
    throw decryptFailed();
  }
  const secrets = deriveStreamSecrets(context.key, header.salt);
  if (!timingSafeEqual(secrets.commitment, header.commitment)) throw decryptFailed();
  return new ChunkCipher(secrets, chunkAad(context, header.chunkBytes));
}

/** `["lineward:v1", "4", sid, kv, "", ctx, chunk bytes]`, and the subject scope where there is one. */
function chunkAad(context: OpenContext, chunkBytes: number): Buffer {
  return associatedData(context, streamSuite, '', [String(chunkBytes)]);
}

interface StreamSecrets {
  readonly key: KeyObject;
  readonly commitment: Buffer;
  readonly noncePrefix: Buffer;
}

/** key(32) ‖ commitment(32) ‖ nonce prefix(7). */
function deriveStreamSecrets(key: KeyObject, salt: Uint8Array): StreamSecrets {
  const derived = deriveKey(key, salt, 'lineward:v1:stream', 32 + commitmentBytes + noncePrefixBytes);
  const streamKey = createSecretKey(derived.subarray(0, 32));
  derived.fill(0, 0, 32);
  return {
    key: streamKey,
    commitment: derived.subarray(32, 32 + commitmentBytes),
    noncePrefix: derived.subarray(32 + commitmentBytes),
  };
}

/** Seals or opens the chunks of one stream, each in its turn. */
class ChunkCipher {
  readonly #key: KeyObject;
  readonly #aad: Buffer;
  readonly #nonce: Buffer;
  #counter = 0;

  constructor({ key, noncePrefix }: StreamSecrets, aad: Buffer) {
    this.#key = key;
    this.#aad = aad;
    this.#nonce = Buffer.concat([noncePrefix], ivBytes);
  }

  get first(): boolean {
    return this.#counter === 0;
  }

  seal(plaintext: Uint8Array, last: boolean): Buffer {
    if (this.#counter >= chunksMax) {
      throw new LinewardError('VALUE_INVALID', 'The stream is too long for its chunk size; take larger chunks.');
    }
    return encryptGcm(this.#key, this.#nextNonce(last), plaintext, this.#aad);
  }

  open(sealed: Uint8Array, last: boolean): Buffer {
    if (this.#counter >= chunksMax || sealed.length < tagBytes) throw decryptFailed();
    try {
      return decryptGcm(this.#key, this.#nextNonce(last), sealed, this.#aad);
    } catch {
      throw decryptFailed();
    }
  }

  #nextNonce(last: boolean): Buffer {
    this.#nonce.writeUInt32BE(this.#counter, noncePrefixBytes);
    this.#nonce[ivBytes - 1] = last ? 1 : 0;
    this.#counter += 1;
    return this.#nonce;
  }
}
