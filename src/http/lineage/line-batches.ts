import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { FastifyRequest } from 'fastify';
import type { Action } from '../../domain/access/role.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import type { AccessGuard } from '../../services/access/access-guard.ts';
import { linesOf, ndjson, streamOf } from '../ndjson.ts';

/** Longest line, characters. */
export const lineCharsMax = 16 * 1024 * 1024;
/** Lines that share a transaction end at so many, or at so many characters: that is all that is ever in memory. */
const batchLinesMax = 1_000;
const batchCharsMax = 8 * 1024 * 1024;

/** A line with something on it. */
export interface Line {
  readonly number: number;
  /** Null for one that is too long. */
  readonly text: string | null;
}

/** What the sender must go on being allowed. */
interface Allowing {
  readonly action: Action;
  readonly access: Pick<AccessGuard, 'may'>;
}

/**
 * The lines of a body of NDJSON, batch by batch, also with gzip. Who sends it may lose the right to on the way: each batch asks
 * again whether the token still stands.
 * @throws LinewardError BAD_INPUT for a body that is none.
 */
export function lineBatches(request: FastifyRequest, allowing: Allowing): AsyncIterable<readonly Line[]> {
  const body = streamOf(request.body);
  if (body === null) throw new LinewardError('BAD_INPUT', `The body must be ${ndjson}.`);
  // What breaks off ends what unpacks it, which would wait for more otherwise; the fault comes out where it is read.
  const isPacked = request.headers['content-encoding'] === 'gzip';
  const lines = linesOf(decoded(isPacked ? pipeline(body, createGunzip(), () => {}) : body), lineCharsMax);
  return stillAllowed(request, allowing, batchesOf(lines));
}

async function* stillAllowed(
  request: FastifyRequest,
  { action, access }: Allowing,
  batches: AsyncIterable<readonly Line[]>,
): AsyncGenerator<readonly Line[]> {
  for await (const batch of batches) {
    if (!access.may(await request.actorNow(), action))
      throw new LinewardError('FORBIDDEN', 'The token may no longer do this; the lines before are taken.');
    yield batch;
  }
}

/** Texts of bytes, which must be UTF-8: what is taken is kept as it came, so nothing may be put in the place of what cannot be read. */
function decoded(bytes: Readable): Readable {
  async function* texts(): AsyncGenerator<string> {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    for await (const chunk of bytes) yield decoder.decode(chunk as Buffer, { stream: true });
    yield decoder.decode();
  }
  return Readable.from(texts());
}

async function* batchesOf(lines: AsyncIterable<string | null>): AsyncGenerator<readonly Line[]> {
  let batch: Line[] = [];
  let [number, chars] = [0, 0];
  for await (const line of lines) {
    number += 1;
    const text = line === null ? null : line.trim();
    if (text === '') continue;
    batch.push({ number, text });
    chars += text?.length ?? 0;
    if (batch.length < batchLinesMax && chars < batchCharsMax) continue;
    yield batch;
    batch = [];
    chars = 0;
  }
  if (batch.length > 0) yield batch;
}

/** The fault that ended a stream, for the last line of its answer. */
export function streamFault(error: unknown): LinewardError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
    return new LinewardError('BAD_INPUT', 'What follows is not UTF-8; the lines before it are taken.');
  if (code.startsWith('Z_'))
    return new LinewardError('BAD_INPUT', 'What follows is not gzip; the lines before it are taken.');
  return toLinewardError(error);
}
