import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { globalId } from '../../domain/global-id.ts';
import { readFormOf } from '../../domain/lake-reads/read-column.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import { fileFacts, type GrantedRead, type LakeReadService } from '../../services/lake-reads/lake-read.service.ts';
import type { LakeRows } from '../../services/lake-reads/lake-rows.ts';
import { fromFastify } from '../listener.ts';
import { ndjson } from '../ndjson.ts';

const text = z.string().max(1_000).nullish().default(null);
const openBody = z.strictObject({
  entity: text,
  table: text,
  from: text,
  to: text,
  columns: z.array(z.string().max(1_000)).max(10_000).nullish(),
  decrypt: z.boolean().nullish(),
  purpose: text,
});
const rowsQuery = z.object({ limit: z.coerce.number().int().min(0).optional() });

/**
 * `POST /api/v1/lake/reads` of the main listener with `{entity | table, from, to, columns, decrypt, purpose}` answers what may be read:
 * schema, what is masked, files. `GET /api/v1/lake/reads/{id}/rows?limit=` answers the rows as NDJSON: arrays of values in the order of
 * the columns, and one object at the end, `{"end": {"rows"}}` or `{"error": {"code", "message"}}`. Without it the answer is not whole.
 */
export function lakeReadRoutes(
  server: FastifyInstance,
  { lakeReads, lakeRows }: { readonly lakeReads: LakeReadService; readonly lakeRows: LakeRows },
): void {
  server.setErrorHandler((error, request, reply) => {
    const fault = fromFastify(error);
    if (fault.spec.level === 'error')
      request.log.error({ code: fault.code, error: fault.cause ?? fault }, 'lake read failed');
    const message = fault.spec.exposed ? fault.message : fault.spec.message;
    const { field: path, code, spec } = fault;
    return reply.status(spec.http).send({ code, message, path, retryable: spec.retryable, requestId: request.id });
  });
  server.post('/api/v1/lake/reads', { config: { action: 'READ_LAKE' } }, async (request, reply) => {
    const { columns, decrypt, ...asked } = parsed(openBody, request.body);
    const granted = await lakeReads.open(request.actor, {
      ...asked,
      columns: columns ?? [],
      decrypt: decrypt ?? false,
    });
    return reply.status(201).send(shown(granted, lakeReads));
  });
  server.get<{ Params: { id: string } }>(
    '/api/v1/lake/reads/:id/rows',
    { config: { action: 'READ_LAKE' } },
    async (request, reply) => {
      const { limit = null } = parsed(rowsQuery, request.query);
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const asked = { id: request.params.id, limit, actorNow: () => request.actorNow() };
      const batches = await lakeRows.of(asked, gone.signal);
      return reply.type(ndjson).send(Readable.from(lines(batches), { objectMode: false }));
    },
  );
}

function shown(granted: GrantedRead, reads: LakeReadService): object {
  const { id, place, columns, days, access, files, pruned, expiresAt } = granted;
  const isOpen = access === 'FILES';
  return {
    id,
    access,
    entity: place.entity.name,
    entityVersion: place.entity.version,
    dataset: globalId('Dataset', place.datasetId),
    table: place.location,
    dateField: place.dateField,
    from: days?.from ?? null,
    to: days?.to ?? null,
    columns: columns.map((column) => ({ ...column, form: readFormOf(column.type) })),
    files: files.map((file) => ({
      ...fileFacts(file),
      location: isOpen ? reads.locationOf(file) : null,
      version: isOpen ? file.version : null,
    })),
    filesPruned: pruned,
    rows: `/api/v1/lake/reads/${id}/rows`,
    expiresAt: expiresAt.toISOString(),
  };
}

/** The head of the answer is out when a read fails, so the failure is its last line. */
async function* lines(batches: AsyncIterable<readonly string[]>): AsyncGenerator<string> {
  let rows = 0;
  try {
    for await (const batch of batches) {
      rows += batch.length;
      yield `${batch.join('\n')}\n`;
    }
    yield `${JSON.stringify({ end: { rows } })}\n`;
  } catch (error) {
    const { code, spec, message } = toLinewardError(error);
    const told = { code, message: spec.exposed ? message : spec.message, retryable: spec.retryable };
    yield `${JSON.stringify({ error: told })}\n`;
  }
}

function parsed<T>(schema: z.ZodType<T>, given: unknown): T {
  const read = schema.safeParse(given);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const path = [...(issue?.path ?? []), ...unknown].map(String);
  const what = unknown.length > 0 ? 'is not known here' : 'is missing, of another type, or too long';
  throw new LinewardError('BAD_INPUT', `${path.join('.') || 'body'}: ${what}`, { path });
}
