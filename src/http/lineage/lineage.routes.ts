import { gunzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { JsonScanner } from '../../domain/privacy/json-scanner.ts';
import { strictUtf8 } from '../../domain/strict-utf8.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { EventLogReadModel } from '../../services/lineage/event-log.read-model.ts';
import type { GivenEvent, LineageIngestService, RefusedEvent } from '../../services/lineage/lineage-ingest.service.ts';

const bodyBytesMax = 64 * 1024 * 1024;
const eventsMax = 10_000;

const logQuery = z.object({
  limit: z.coerce.number().int().min(0).max(1_000).default(100),
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
  sortDirection: z.enum(['asc', 'desc']).default('desc'),
  after: z.coerce.date().optional(),
  before: z.coerce.date().optional(),
});

/**
 * What OpenLineage clients speak to. `POST /api/v1/lineage` takes one event (201); `POST /api/v1/lineage/batch` an array of at
 * most 10,000 (204, or 200 with what was not taken); `GET /api/v1/events/lineage` answers events as they came.
 */
export function lineageRoutes(
  server: FastifyInstance,
  deps: { readonly lineageIngest: LineageIngestService; readonly lineageEvents: EventLogReadModel },
): void {
  // The text is kept as it came, so it is not Fastify that reads it.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: bodyBytesMax }, (request, body, done) => {
    try {
      done(null, textOf(body as Buffer, request.headers['content-encoding']));
    } catch (error) {
      done(error as Error);
    }
  });
  server.post(
    '/api/v1/lineage',
    { bodyLimit: bodyBytesMax, config: { action: 'INGEST_LINEAGE' } },
    async (request, reply) => {
      const text = String(request.body ?? '').trim();
      const [refused] = await deps.lineageIngest.take([{ value: parsed(text), text }]);
      if (refused !== undefined) throw refused.error;
      return reply.status(201).send();
    },
  );
  server.post(
    '/api/v1/lineage/batch',
    { bodyLimit: bodyBytesMax, config: { action: 'INGEST_LINEAGE' } },
    async (request, reply) => {
      const events = eventsIn(String(request.body ?? ''));
      const refused = await deps.lineageIngest.take(events);
      return refused.length === 0 ? reply.status(204).send() : reply.status(200).send(summary(events.length, refused));
    },
  );
  server.get('/api/v1/events/lineage', { config: { action: 'DISCOVER' } }, async (request, reply) => {
    const query = logQuery.safeParse(request.query);
    if (!query.success)
      throw new LinewardError(
        'BAD_INPUT',
        'limit is 0 to 1000, offset 0 to 1000000, sortDirection asc or desc, after and before are times.',
      );
    const { sortDirection, ...page } = query.data;
    const { texts, total } = await deps.lineageEvents.page({ ...page, newestFirst: sortDirection === 'desc' });
    return reply.type('application/json').send(`{"events":[${texts.join(',')}],"totalCount":${total}}`);
  });
}

/** What is told of an event that was not taken. */
export function refusalOf({ spec, message }: LinewardError): { readonly reason: string; readonly retriable: boolean } {
  return { reason: spec.exposed ? message : spec.message, retriable: spec.retryable };
}

function textOf(body: Buffer, encoding: string | undefined): string {
  const text = strictUtf8(encoding === 'gzip' ? unzipped(body) : body);
  if (text === null) throw new LinewardError('BAD_INPUT', 'The body must be UTF-8.');
  return text;
}

function unzipped(body: Buffer): Buffer {
  try {
    return gunzipSync(body, { maxOutputLength: bodyBytesMax });
  } catch (cause) {
    throw new LinewardError('BAD_INPUT', 'The body is not gzip, or is too large when it is unpacked.', { cause });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LinewardError('BAD_INPUT', 'The body must be JSON.', { cause });
  }
}

/** The events of an array, each with its own piece of the text. */
function eventsIn(text: string): readonly GivenEvent[] {
  const values = parsed(text);
  if (!Array.isArray(values)) throw new LinewardError('BAD_INPUT', 'The body must be an array of events.');
  if (values.length > eventsMax) throw new LinewardError('LIMIT_EXCEEDED', `A batch has at most ${eventsMax} events.`);
  const scanner = new JsonScanner(text);
  let at = text.indexOf('[');
  return values.map((value) => {
    const start = scanner.blank(at + 1);
    const end = scanner.value(start);
    at = scanner.blank(end);
    return { value, text: text.slice(start, end) };
  });
}

function summary(received: number, refused: readonly RefusedEvent[]) {
  const retriable = refused.filter(({ error }) => error.spec.retryable).length;
  return {
    status: refused.length === received ? 'error' : 'partial_success',
    summary: {
      received,
      successful: received - refused.length,
      failed: refused.length,
      retriable,
      non_retriable: refused.length - retriable,
    },
    failed_events: refused.map(({ index, error }) => ({ index, ...refusalOf(error) })),
  };
}
