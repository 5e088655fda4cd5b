import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import type { GivenEvent, LineageIngestService } from '../../services/lineage/lineage-ingest.service.ts';
import { linesOf, ndjson, printedLines, streamOf } from '../ndjson.ts';
import { refusalOf } from './lineage.routes.ts';

/** Longest line, characters. */
const lineCharsMax = 16 * 1024 * 1024;
/** Lines that share a transaction end at so many, or at so many characters: that is all that is ever in memory. */
const batchLinesMax = 1_000;
const batchCharsMax = 8 * 1024 * 1024;

const bulkQuery = z.object({ results: z.enum(['all', 'failed']).default('all') });

interface Line {
  readonly number: number;
  /** Null for one that is too long. */
  readonly text: string | null;
}

interface Counts {
  received: number;
  failed: number;
  retriable: number;
}

/**
 * `POST /api/v1/lineage/bulk?results=all|failed`: NDJSON, an event a line, any number of them, also with gzip. Answers a line each,
 * in order, as soon as it is committed (`failed`: only for those that were not taken), and `{"summary"}` at the end. A stream that
 * broke off is sent again from its start, or from the last line that was answered: what is known already changes nothing.
 */
export function bulkRoutes(
  server: FastifyInstance,
  { lineageIngest }: { readonly lineageIngest: LineageIngestService },
) {
  server.addContentTypeParser(ndjson, (_request, payload, done) => done(null, payload));
  server.post('/api/v1/lineage/bulk', { config: { action: 'INGEST_LINEAGE' } }, async (request, reply) => {
    const query = bulkQuery.safeParse(request.query);
    if (!query.success) throw new LinewardError('BAD_INPUT', 'results is all or failed.', { path: ['results'] });
    const body = streamOf(request.body);
    if (body === null) throw new LinewardError('BAD_INPUT', `The body must be ${ndjson}, an event a line.`);
    // What breaks off ends what unpacks it, which would wait for more otherwise; the fault comes out where it is read.
    const isPacked = request.headers['content-encoding'] === 'gzip';
    const stream = decoded(isPacked ? pipeline(body, createGunzip(), () => {}) : body);
    const answers = answersOf(lineageIngest, batchesOf(linesOf(stream, lineCharsMax)), query.data.results === 'all');
    return reply.type(ndjson).send(Readable.from(printedLines(answers)));
  });
}

/** Texts of bytes, which must be UTF-8: an event is kept as it came, so nothing may be put in the place of what cannot be read. */
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

/** The head of the answer is out when a stream fails, so the failure is its last line; all lines before are answered. */
async function* answersOf(
  ingest: LineageIngestService,
  batches: AsyncIterable<readonly Line[]>,
  withAll: boolean,
): AsyncGenerator<unknown> {
  const counts: Counts = { received: 0, failed: 0, retriable: 0 };
  try {
    for await (const batch of batches) yield* await taken(ingest, batch, withAll, counts);
    const { received, failed, retriable } = counts;
    const non_retriable = failed - retriable;
    yield { summary: { received, successful: received - failed, failed, retriable, non_retriable } };
  } catch (error) {
    yield { ok: false, ...refusalOf(streamFault(error)) };
  }
}

function streamFault(error: unknown): LinewardError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
    return new LinewardError('BAD_INPUT', 'What follows is not UTF-8; the lines before it are taken.');
  if (code.startsWith('Z_'))
    return new LinewardError('BAD_INPUT', 'What follows is not gzip; the lines before it are taken.');
  return toLinewardError(error);
}

async function taken(
  ingest: LineageIngestService,
  batch: readonly Line[],
  withAll: boolean,
  counts: Counts,
): Promise<readonly unknown[]> {
  const refused = new Map<number, LinewardError>();
  const events: (GivenEvent & { readonly number: number })[] = [];
  for (const { number, text } of batch) {
    if (text === null)
      refused.set(number, new LinewardError('LIMIT_EXCEEDED', `The line has more than ${lineCharsMax} characters.`));
    else
      try {
        events.push({ number, text, value: JSON.parse(text) });
      } catch {
        refused.set(number, new LinewardError('BAD_INPUT', 'The line is no JSON.'));
      }
  }
  for (const { index, error } of await ingest.take(events)) refused.set(events[index]?.number ?? 0, error);
  counts.received += batch.length;
  counts.failed += refused.size;
  counts.retriable += [...refused.values()].filter((error) => error.spec.retryable).length;
  return batch.flatMap(({ number: line }) => {
    const error = refused.get(line);
    if (error !== undefined) return [{ line, ok: false, ...refusalOf(error) }];
    return withAll ? [{ line, ok: true }] : [];
  });
}
