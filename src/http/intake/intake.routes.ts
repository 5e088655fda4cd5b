import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { IntakeService } from '../../services/lake/intake.service.ts';
import type { RegistryReadModel } from '../../services/registry/registry.read-model.ts';

const paramsSchema = z.object({ entity: z.string() });
const bodySchema = z.object({ records: z.array(z.unknown()).min(1) });

/**
 * `POST /api/v1/entities/{namespace}.{name}/records` with `{"records": [...]}`: checks, protects and lands records in the
 * entity's lake table. Answers `{"results": [{"ok": true} | {"ok": false, "code", "message"}]}` in order.
 */
export function intakeRoutes(
  server: FastifyInstance,
  deps: { readonly intake: IntakeService; readonly registry: RegistryReadModel },
): void {
  server.post('/api/v1/entities/:entity/records', { config: { action: 'PRODUCE' } }, async (request) => {
    const { entity: fullName } = paramsSchema.parse(request.params);
    const entity = await deps.registry.entityOfFullName(fullName);
    if (entity === null)
      throw new LinewardError('NOT_FOUND', 'There is no entity of this name; the path takes namespace.name.');
    const body = bodySchema.safeParse(request.body);
    if (!body.success)
      throw new LinewardError('BAD_INPUT', 'The body must be {"records": [...]} with at least one record.', {
        path: ['records'],
      });
    return { results: await deps.intake.take(entity.id, body.data.records) };
  });
}
