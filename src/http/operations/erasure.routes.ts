import type { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { globalId } from '../../domain/global-id.ts';
import { assertSelector, type SubjectSelector } from '../../domain/governance/selection.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import type { ErasureIntakeService } from '../../services/operations/erasure-intake.service.ts';
import type { RegistryReadModel } from '../../services/registry/registry.read-model.ts';
import { linesOf, ndjson, streamOf } from '../ndjson.ts';

const querySchema = z.object({
  entity: z.string().optional(),
  reason: z.string().optional(),
  dryRun: z.enum(['true', 'false']).default('false'),
  urgent: z.enum(['true', 'false']).default('false'),
});
const headerSchema = z.object({ 'idempotency-key': z.string() });
const lineSchema = z.object({
  accountId: z.string(),
  subject: z.object({ field: z.string(), value: z.string() }).nullish(),
});

/** Longest line, characters; three texts of the longest kind and what stands around them. */
const lineCharsMax = 16_384;
/** Most bad lines that one answer names. */
const namedMax = 100;

/**
 * `POST /api/v1/erasures?entity=…&reason=…&dryRun=…&urgent=…` of the main listener, with an `Idempotency-Key` header and a body of
 * NDJSON, one `{"accountId", "subject": {"field", "value"}}` a line, up to a million: one erasure of them all. Answers
 * `{"operationId", "status", "subjects", "repeated"}`. A stream that broke off is continued under the same key. A line that is
 * none makes the whole a refusal that names the first hundred of such lines by number, and nothing is requested.
 */
export function erasureRoutes(
  server: FastifyInstance,
  deps: { readonly erasureIntake: ErasureIntakeService; readonly registry: RegistryReadModel },
): void {
  server.addContentTypeParser(ndjson, (_request, payload, done) => done(null, payload));
  server.post('/api/v1/erasures', { config: { action: 'ERASE' } }, async (request, reply) => {
    const { entity, reason, dryRun, urgent } = querySchema.parse(request.query);
    const key = headerSchema.safeParse(request.headers).data?.['idempotency-key'];
    if (key === undefined)
      throw new LinewardError('BAD_INPUT', 'Name the request by a header Idempotency-Key, to be able to continue it.');
    const stream = streamOf(request.body);
    if (stream === null) throw new LinewardError('BAD_INPUT', `The body must be ${ndjson}, a subject a line.`);
    const entityId = entity === undefined ? undefined : await idOf(deps.registry, entity);
    const asked = { key, reason, entityId, dryRun: dryRun === 'true', urgent: urgent === 'true' };
    const { operation, ...counts } = await deps.erasureIntake.take(request.actor, asked, selectorsOf(stream));
    return reply
      .status(202)
      .send({ operationId: globalId('Operation', operation.id), status: operation.status, ...counts });
  });
}

async function idOf(registry: RegistryReadModel, fullName: string): Promise<string> {
  const entity = await registry.entityOfFullName(fullName);
  if (entity === null)
    throw new LinewardError('NOT_FOUND', 'entity: there is no entity of this name.', { path: ['entity'] });
  return entity.id;
}

/** The whole stream is read before a bad line ends it, so that one answer names them all. */
async function* selectorsOf(stream: Readable): AsyncGenerator<SubjectSelector> {
  const bad: { readonly line: number; readonly message: string }[] = [];
  let [line, more] = [0, 0];
  for await (const text of linesOf(stream, lineCharsMax)) {
    line += 1;
    if (text?.trim() === '') continue;
    const selector = selectorIn(text);
    if (typeof selector !== 'string') {
      if (bad.length === 0) yield selector;
    } else if (bad.length < namedMax) bad.push({ line, message: selector });
    else more += 1;
  }
  if (bad.length === 0) return;
  const told = bad.map(({ line: number, message }) => `line ${number} ${message}`).join('; ');
  const rest = more === 0 ? '' : `; and ${more} more`;
  throw new LinewardError('BAD_INPUT', `Nothing is requested, since not every line names a subject: ${told}${rest}.`);
}

/** A selector, or why the line is none; never what stands in it. */
function selectorIn(text: string | null): SubjectSelector | string {
  if (text === null) return `has more than ${lineCharsMax} characters`;
  try {
    const { accountId, subject } = lineSchema.parse(JSON.parse(text));
    const selector = subject == null ? { accountId } : { accountId, subject };
    assertSelector(selector, []);
    return selector;
  } catch (error) {
    const isRefusal = error instanceof LinewardError;
    return isRefusal ? toLinewardError(error).message : 'is not {"accountId", "subject": {"field", "value"}}';
  }
}
