import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { SchemaMetadata } from '../../domain/registry/schema-metadata.ts';
import type { SubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { SchemaStore } from '../../services/registry/schema-store.ts';
import {
  readVersionNumber,
  type SubjectReadModel,
  subjectNotFound,
} from '../../services/registry/subject.read-model.ts';
import type { SubjectService } from '../../services/registry/subject.service.ts';
import type { SubjectDeletionService } from '../../services/registry/subject-deletion.service.ts';
import type { SubjectVersion } from '../../services/registry/subject-rows.ts';
import {
  addPath,
  contextOf,
  countOf,
  flagOf,
  objectBody,
  paramOf,
  queryOf,
  type RegistryScope,
  subjectOf,
  takesUnknownFields,
} from './registry-protocol.ts';
import { deletedOf } from './schema.routes.ts';
import { textAsked, versionAnswer } from './schema-answer.ts';
import type { SchemaCache } from './schema-cache.ts';
import { readImportedIds, readSchemaRequest } from './schema-request.ts';

/** Subjects that a list answers when the client asks for no number. */
const listDefault = 20_000;

export interface SubjectRoutesDeps {
  readonly subjects: SubjectReadModel;
  readonly subjectService: SubjectService;
  readonly subjectDeletionService: SubjectDeletionService;
  readonly schemaStore: SchemaStore;
  readonly cache: SchemaCache;
}

/** `/subjects…`: registration, lookup, versions and deletion. */
export function subjectRoutes(scope: RegistryScope, deps: SubjectRoutesDeps): void {
  const { subjects, subjectService, subjectDeletionService, schemaStore, cache } = deps;
  addPath(scope, '/subjects', {
    GET: [
      'READ',
      (request) =>
        subjects.subjects({
          prefix: queryOf(request, 'subjectPrefix') ?? (scope.prefix === '' ? ':*:' : `:${contextOf(request)}:`),
          deleted: deletedOf(request),
          offset: countOf(request, 'offset', 0),
          limit: countOf(request, 'limit', listDefault),
        }),
    ],
  });
  addPath(scope, '/subjects/:subject', {
    POST: ['READ', lookup],
    DELETE: [
      'DELETE',
      async (request) => {
        const deleted = await subjectDeletionService.deleteSubject(
          request.actor,
          subjectOf(request),
          flagOf(request, 'permanent'),
        );
        cache.clear();
        return deleted;
      },
    ],
  });
  addPath(scope, '/subjects/:subject/versions', { GET: ['READ', listed], POST: ['WRITE', register] });
  addPath(scope, '/subjects/:subject/versions/:version', {
    GET: [
      'READ',
      async (request) => {
        const found = await versionOf(request, flagOf(request, 'deleted'));
        return versionAnswer(request, found, await textAsked(schemaStore, request, found.schema));
      },
    ],
    DELETE: ['DELETE', remove],
  });
  addPath(scope, '/subjects/:subject/versions/:version/schema', {
    GET: [
      'READ',
      async (request, reply) => {
        const found = await versionOf(request, flagOf(request, 'deleted'));
        return reply.send(Buffer.from(await textAsked(schemaStore, request, found.schema)));
      },
    ],
  });
  addPath(scope, '/subjects/:subject/versions/:version/referencedby', {
    GET: ['READ', async (request) => subjects.referencedBy(await versionOf(request, true))],
  });
  addPath(scope, '/subjects/:subject/versions/:version/tags', { POST: ['WRITE', tag] });
  addPath(scope, '/subjects/:subject/metadata', { GET: ['READ', byProperties] });

  async function aliased(request: FastifyRequest): Promise<SubjectName> {
    return subjects.aliased(subjectOf(request));
  }

  async function versionOf(request: FastifyRequest, deleted: boolean): Promise<SubjectVersion> {
    const version = readVersionNumber(paramOf(request, 'version') ?? '');
    return subjects.version(await aliased(request), version, deleted ? 'too' : 'none');
  }

  async function listed(request: FastifyRequest): Promise<readonly number[]> {
    const subject = await aliased(request);
    const kind = deletedOf(request);
    const found = await subjects.versions(subject, kind);
    if (found.length > 0) return found;
    const isKnown = kind === 'only' && (await subjects.versions(subject, 'too')).length > 0;
    if (!isKnown) throw subjectNotFound(subject);
    return [];
  }

  async function lookup(request: FastifyRequest): Promise<unknown> {
    const given = readSchemaRequest(objectBody(request));
    const options = { normalize: flagOf(request, 'normalize'), deleted: flagOf(request, 'deleted') };
    const found = await subjectService.lookup(await aliased(request), given, options);
    return versionAnswer(request, found, await textAsked(schemaStore, request, found.schema));
  }

  async function register(request: FastifyRequest): Promise<unknown> {
    const body = objectBody(request);
    const given = { ...readSchemaRequest(body), ...readImportedIds(body), normalize: flagOf(request, 'normalize') };
    return registered(request, await subjectService.register(request.actor, await aliased(request), given));
  }

  async function remove(request: FastifyRequest): Promise<number> {
    const version = readVersionNumber(paramOf(request, 'version') ?? '');
    const isPermanent = flagOf(request, 'permanent');
    const deleted = await subjectDeletionService.deleteVersion(request.actor, subjectOf(request), version, isPermanent);
    cache.clear();
    return deleted;
  }

  /** Registers the same schema again with other tags in its metadata, which makes it the next version. */
  async function tag(request: FastifyRequest): Promise<unknown> {
    const found = await versionOf(request, false);
    const { schema } = found;
    const metadata = retagged(schema.metadata, objectBody(request));
    const given = { ...schema, metadata, normalize: false, id: null, version: null };
    return registered(request, await subjectService.register(request.actor, found.subject, given));
  }

  async function byProperties(request: FastifyRequest): Promise<unknown> {
    const subject = await aliased(request);
    const [keys, values] = [listOf(request, 'key'), listOf(request, 'value')];
    const properties = Object.fromEntries(keys.map((key, index) => [key, values[index] ?? '']));
    const kind = flagOf(request, 'deleted') ? 'too' : 'none';
    const found = await subjects.latestWithProperties(subject, properties, kind);
    if (found !== null) return versionAnswer(request, found, await textAsked(schemaStore, request, found.schema));
    if ((await subjects.versions(subject, kind)).length === 0) throw subjectNotFound(subject);
    throw new LinewardError('SCHEMA_NOT_FOUND', undefined, { path: ['key'] });
  }
}

function registered(request: FastifyRequest, version: SubjectVersion): unknown {
  return takesUnknownFields(request) ? versionAnswer(request, version) : { id: version.schema.id };
}

function listOf(request: FastifyRequest, name: string): readonly string[] {
  const { query } = request;
  const value: unknown = typeof query === 'object' && query !== null ? Reflect.get(query, name) : undefined;
  return [value].flat().filter((one) => typeof one === 'string');
}

const tagChanges = z
  .array(z.object({ schemaEntity: z.object({ entityPath: z.string().min(1) }), tags: z.array(z.string()) }))
  .nullish()
  .transform((list) => list ?? []);
const tagRequest = z.object({ tagsToAdd: tagChanges, tagsToRemove: tagChanges });

function retagged(metadata: SchemaMetadata | null, body: unknown): SchemaMetadata {
  const parsed = tagRequest.safeParse(body);
  if (!parsed.success) {
    const path = (parsed.error.issues[0]?.path ?? []).map(String);
    throw new LinewardError(
      'SCHEMA_INVALID',
      `${path.join('.')}: must be {"schemaEntity": {"entityPath"}, "tags": []}`,
      { path },
    );
  }
  const tags = new Map(Object.entries(metadata?.tags ?? {}));
  for (const { schemaEntity, tags: added } of parsed.data.tagsToAdd)
    tags.set(schemaEntity.entityPath, [...new Set([...(tags.get(schemaEntity.entityPath) ?? []), ...added])]);
  for (const { schemaEntity, tags: removed } of parsed.data.tagsToRemove) {
    const left = (tags.get(schemaEntity.entityPath) ?? []).filter((one) => !removed.includes(one));
    if (left.length === 0) tags.delete(schemaEntity.entityPath);
    else tags.set(schemaEntity.entityPath, left);
  }
  return { ...metadata, tags: Object.fromEntries(tags) };
}
