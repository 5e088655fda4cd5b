import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccessGuard } from '../../services/access/access-guard.ts';
import type { GivenEvent, LineageIngestService } from '../../services/lineage/lineage-ingest.service.ts';
import { ndjson, printedLines } from '../ndjson.ts';
import { type Line, lineBatches, lineCharsMax, streamFault } from './line-batches.ts';
import { refusalOf } from './lineage.routes.ts';

const bulkQuery = z.object({ results: z.enum(['all', 'failed']).default('all') });

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
  { lineageIngest, access }: { readonly lineageIngest: LineageIngestService; readonly access: AccessGuard },
) {
  server.addContentTypeParser(ndjson, (_request, payload, done) => done(null, payload));
  server.post('/api/v1/lineage/bulk', { config: { action: 'INGEST_LINEAGE' } }, async (request, reply) => {
    const query = bulkQuery.safeParse(request.query);
    if (!query.success) throw new LinewardError('BAD_INPUT', 'results is all or failed.', { path: ['results'] });
    const answers = answersOf(
      lineageIngest,
      lineBatches(request, { action: 'INGEST_LINEAGE', access }),
      query.data.results === 'all',
    );
    return reply.type(ndjson).send(Readable.from(printedLines(answers)));
  });
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
