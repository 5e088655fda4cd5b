import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccessGuard } from '../../services/access/access-guard.ts';
import type { CatalogImportService, GivenLine, ImportAnswer } from '../../services/lineage/catalog-import.service.ts';
import { ndjson, printedLines } from '../ndjson.ts';
import { type Line, lineBatches, streamFault } from './line-batches.ts';
import { refusalOf } from './lineage.routes.ts';

const flag = z.enum(['true', 'false']);
const importQuery = z.object({ source: z.string(), dryRun: flag.default('false'), complete: flag.default('true') });

/**
 * `POST /api/v1/catalog/import?source=…&dryRun=true|false&complete=true|false`: NDJSON of datasets and jobs, see docs/catalog.md.
 * Answers a line for each that was added, changed, dropped or refused, once that is committed, and `{"summary"}` at the end.
 */
export function importRoutes(
  server: FastifyInstance,
  { catalogImport, access }: { readonly catalogImport: CatalogImportService; readonly access: AccessGuard },
) {
  server.post('/api/v1/catalog/import', { config: { action: 'REGISTER' } }, async (request, reply) => {
    const query = importQuery.safeParse(request.query);
    if (!query.success) {
      const place = String(query.error.issues[0]?.path[0] ?? 'source');
      const why = place === 'source' ? 'must name where the lines come from, e.g. dbt:shop' : 'must be true or false';
      throw new LinewardError('BAD_INPUT', `${place}: ${why}`, { path: [place] });
    }
    const { source, dryRun, complete } = query.data;
    const given = { source, dryRun: dryRun === 'true', complete: complete === 'true' };
    const answers = answersOf(
      catalogImport,
      request.actor,
      given,
      lineBatches(request, { action: 'REGISTER', access }),
    );
    return reply.type(ndjson).send(Readable.from(printedLines(answers)));
  });
}

/** The head of the answer is out when a stream fails, so the failure is its last line. */
async function* answersOf(
  service: CatalogImportService,
  actor: Actor,
  request: { readonly source: string; readonly dryRun: boolean; readonly complete: boolean },
  batches: AsyncIterable<readonly Line[]>,
): AsyncGenerator<unknown> {
  try {
    const run = service.run(actor, request, given(batches));
    for (let step = await run.next(); ; step = await run.next()) {
      if (step.done === true) return yield { summary: step.value };
      yield* step.value.map(printed);
    }
  } catch (error) {
    yield { ok: false, ...refusalOf(streamFault(error)) };
  }
}

async function* given(batches: AsyncIterable<readonly Line[]>): AsyncGenerator<readonly GivenLine[]> {
  for await (const batch of batches) yield batch.map(({ number, text }) => ({ line: number, value: parsed(text) }));
}

/** What is no JSON is refused as what is no object. */
function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return null;
  }
}

function printed({ line, change, kind, place, changes, error }: ImportAnswer): object {
  if (error !== null) return { line, ok: false, code: error.code, ...refusalOf(error) };
  return { line, ok: true, change, [kind === 'JOB' ? 'job' : 'dataset']: place, changes };
}
