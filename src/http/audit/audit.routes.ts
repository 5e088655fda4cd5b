import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { AuditExport } from '../../services/audit/audit-export.ts';
import { ndjson } from '../ndjson.ts';

/** `GET /api/v1/audit/export` of the main listener: the sealed audit log as a file that `lineward audit verify` reads. */
export function auditRoutes(server: FastifyInstance, deps: { readonly auditExport: AuditExport }): void {
  server.get('/api/v1/audit/export', { config: { action: 'READ_AUDIT' } }, (request, reply) =>
    reply.type(ndjson).send(Readable.from(deps.auditExport.lines(request.actor))),
  );
}
