import type { FastifyInstance } from 'fastify';
import type { AccessGuard } from '../../services/access/access-guard.ts';
import type { Reading } from '../reading.ts';
import { contextOf, guardAccess } from './access.ts';
import { type AssociationRoutesDeps, associationRoutes } from './association.routes.ts';
import { type CompatibilityRoutesDeps, compatibilityRoutes } from './compatibility.routes.ts';
import { type EntityRoutesDeps, entityRoutes } from './entity.routes.ts';
import { type DescribedRoute, openApi } from './openapi.ts';
import { addPath, type RegistryScope, speakRegistryProtocol } from './registry-protocol.ts';
import { pageOf, queryOf } from './request-values.ts';
import { schemaRoutes } from './schema.routes.ts';
import { SchemaCache } from './schema-cache.ts';
import { settingsRoutes } from './settings.routes.ts';
import { type SubjectRoutesDeps, subjectRoutes } from './subject.routes.ts';

export type RegistryRoutesDeps = SubjectRoutesDeps &
  AssociationRoutesDeps &
  EntityRoutesDeps &
  CompatibilityRoutesDeps &
  Reading & {
    /** `error_code` of incompatible schemas: 409 as most clients expect, or 40901 as later registries answer. */
    readonly incompatibleCode: number;
    readonly access: Pick<AccessGuard, 'assert'>;
  };

/** Release of Confluent's registry that is spoken here: tools look at it before they use newer endpoints. */
const protocolRelease = '8.1.0';
const clusterName = 'lineward';
/** Most contexts of one answer. */
const contextsMax = 10_000;

/**
 * The registry as Confluent's clients know it, at the root of its listener. Every path also stands below
 * `/contexts/{context}`, where unqualified subjects are of that context.
 */
export function registryRoutes(server: FastifyInstance, deps: RegistryRoutesDeps): void {
  const described: DescribedRoute[] = [];
  server.addHook('onRoute', ({ url, method, config }) => {
    const isHead = method === 'HEAD' || config?.access === undefined || url.startsWith('/contexts/:context/');
    if (!isHead) described.push({ path: url, methods: [method].flat() });
  });
  speakRegistryProtocol(server, deps.incompatibleCode);
  guardAccess(server, deps);
  const cache = new SchemaCache(() => deps.subjectDeletionService.permanentDeletions);
  for (const prefix of ['', '/contexts/:context'] as const) {
    const scope = { server, prefix };
    subjectRoutes(scope, deps);
    schemaRoutes(scope, { ...deps, cache });
    compatibilityRoutes(scope, deps);
    settingsRoutes(scope, deps);
    associationRoutes(scope, deps);
    serverRoutes(scope, deps);
  }
  entityRoutes({ server, prefix: '' }, deps);
  addPath({ server, prefix: '' }, '/openapi.json', { GET: ['READ', () => openApi(described)] });
  addPath({ server, prefix: '' }, '/', { GET: ['READ', () => ({})], POST: ['READ', () => ({})] });
  addPath({ server, prefix: '' }, '/contexts/:context', {
    DELETE: [
      'DELETE',
      async (request, reply) => {
        await deps.subjectDeletionService.deleteContext(request.actor, contextOf(request));
        return reply.status(204).send();
      },
    ],
  });
}

function serverRoutes(scope: RegistryScope, { subjects }: RegistryRoutesDeps): void {
  addPath(scope, '/contexts', {
    GET: [
      'READ',
      async (request) => {
        const prefix = queryOf(request, 'contextPrefix') ?? '';
        const { offset, limit } = pageOf(request, contextsMax);
        return (await subjects.contexts()).filter((name) => name.startsWith(prefix)).slice(offset, offset + limit);
      },
    ],
  });
  const clusters = { 'kafka-cluster': clusterName, 'schema-registry-cluster': clusterName };
  addPath(scope, '/v1/metadata/id', { GET: ['READ', () => ({ id: '', scope: { path: [], clusters } })] });
  addPath(scope, '/v1/metadata/version', {
    GET: ['READ', () => ({ version: protocolRelease, commitId: clusterName })],
  });
  addPath(scope, '/v1/metadata/deployment', { GET: ['READ', () => ({ attributes: ['deploymentType:lineward'] })] });
}
