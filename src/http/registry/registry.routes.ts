import type { FastifyInstance } from 'fastify';
import { readContext } from '../../domain/registry/subject-name.ts';
import { type CompatibilityRoutesDeps, compatibilityRoutes } from './compatibility.routes.ts';
import {
  addPath,
  paramOf,
  type RegistryAccess,
  type RegistryScope,
  speakRegistryProtocol,
} from './registry-protocol.ts';
import { type SchemaRoutesDeps, schemaRoutes } from './schema.routes.ts';
import { SchemaCache } from './schema-cache.ts';
import { settingsRoutes } from './settings.routes.ts';
import { type SubjectRoutesDeps, subjectRoutes } from './subject.routes.ts';

export type RegistryRoutesDeps = Omit<SchemaRoutesDeps, 'cache'> &
  Omit<SubjectRoutesDeps, 'cache'> &
  CompatibilityRoutesDeps & {
    /** `error_code` of incompatible schemas: 409 as most clients expect, or 40901 as later registries answer. */
    readonly incompatibleCode: number;
  };

/** Everyone that the listener lets in may do everything; rights by subject have their place here. */
const openAccess: RegistryAccess = () => undefined;

/**
 * The registry as Confluent's clients know it, at the root of its listener. Every path also stands below
 * `/contexts/{context}`, where unqualified subjects are of that context.
 */
export function registryRoutes(server: FastifyInstance, deps: RegistryRoutesDeps): void {
  speakRegistryProtocol(server, deps.incompatibleCode);
  const cache = new SchemaCache();
  for (const prefix of ['', '/contexts/:context'] as const) {
    const scope = { server, prefix, access: openAccess };
    subjectRoutes(scope, { ...deps, cache });
    schemaRoutes(scope, { ...deps, cache });
    compatibilityRoutes(scope, deps);
    settingsRoutes(scope, deps);
  }
  serverRoutes({ server, prefix: '', access: openAccess }, deps);
}

function serverRoutes(scope: RegistryScope, { subjects, subjectDeletionService }: RegistryRoutesDeps): void {
  addPath(scope, '/', { GET: ['READ', () => ({})] });
  addPath(scope, '/contexts', { GET: ['READ', () => subjects.contexts()] });
  addPath(scope, '/contexts/:context', {
    DELETE: [
      'DELETE',
      async (request, reply) => {
        await subjectDeletionService.deleteContext(request.actor, readContext(paramOf(request, 'context') ?? ''));
        return reply.status(204).send();
      },
    ],
  });
  const clusters = { 'schema-registry-cluster': 'lineward' };
  addPath(scope, '/v1/metadata/id', { GET: ['READ', () => ({ id: '', scope: { path: [], clusters } })] });
  addPath(scope, '/v1/metadata/version', { GET: ['READ', () => ({ version: '8.1.0', commitId: 'lineward' })] });
  addPath(scope, '/v1/metadata/deployment', { GET: ['READ', () => ({ attributes: ['deploymentType:lineward'] })] });
}
