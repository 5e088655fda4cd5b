import type { FastifyRequest } from 'fastify';
import { defaultContext } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { SchemaStore } from '../../services/registry/schema-store.ts';
import { type SubjectReadModel, subjectNotFound } from '../../services/registry/subject.read-model.ts';
import type { SubjectService } from '../../services/registry/subject.service.ts';
import type { SubjectDeletionService } from '../../services/registry/subject-deletion.service.ts';
import type { SubjectVersion } from '../../services/registry/subject-rows.ts';
import { contextOf, placeOf } from './access.ts';
import { addPath, type RegistryScope } from './registry-protocol.ts';
import { deletedOf, flagOf, pageOf, paramOf, queryList, queryOf, versionNumberOf } from './request-values.ts';
import { formAsked, registeredAnswer, textAsked, versionAnswer } from './schema-answer.ts';
import { emptySchema, givenSchema, objectBody, readSchemaRequest } from './schema-request.ts';
import { readTagRequest, retagged } from './tag-request.ts';

/** Most subjects of one answer. */
const subjectsMax = 20_000;

export interface SubjectRoutesDeps {
  readonly subjects: SubjectReadModel;
  readonly subjectService: SubjectService;
  readonly subjectDeletionService: SubjectDeletionService;
  readonly schemaStore: SchemaStore;
}

/** `/subjects…`: registration, lookup, versions and deletion. */
export function subjectRoutes(scope: RegistryScope, deps: SubjectRoutesDeps): void {
  const { subjects, subjectService, subjectDeletionService, schemaStore } = deps;
  addPath(scope, '/subjects', {
    GET: [
      'READ',
      (request) =>
        subjects.subjects({
          prefix: subjectPrefixOf(request, ':*:'),
          deleted: deletedOf(request),
          ...pageOf(request, subjectsMax),
        }),
    ],
  });
  addPath(scope, '/subjects/:subject', {
    POST: ['READ', lookup],
    DELETE: [
      'DELETE',
      (request) => subjectDeletionService.deleteSubject(request.actor, placeOf(request), flagOf(request, 'permanent')),
    ],
  });
  addPath(scope, '/subjects/:subject/versions', { GET: ['READ', listed], POST: ['WRITE', register] });
  addPath(scope, '/subjects/:subject/versions/:version', {
    GET: ['READ', async (request) => answer(request, await versionOf(request, flagOf(request, 'deleted')))],
    DELETE: [
      'DELETE',
      (request) => {
        const [version, permanent] = [versionNumberOf(request), flagOf(request, 'permanent')];
        return subjectDeletionService.deleteVersion(request.actor, placeOf(request), version, permanent);
      },
    ],
  });
  addPath(scope, '/subjects/:subject/versions/:version/schema', {
    GET: [
      'READ',
      async (request, reply) => {
        const { schema } = await versionOf(request, flagOf(request, 'deleted'));
        return reply.send(Buffer.from(await textAsked(schemaStore, request, schema)));
      },
    ],
  });
  addPath(scope, '/subjects/:subject/versions/:version/referencedby', {
    GET: ['READ', async (request) => subjects.referencedBy(await versionOf(request, true))],
  });
  addPath(scope, '/subjects/:subject/versions/:version/tags', { POST: ['WRITE', tag] });
  addPath(scope, '/subjects/:subject/metadata', { GET: ['READ', byProperties] });

  function versionOf(request: FastifyRequest, deleted: boolean): Promise<SubjectVersion> {
    return subjects.version(placeOf(request), versionNumberOf(request), deleted ? 'too' : 'none');
  }

  async function answer(request: FastifyRequest, found: SubjectVersion): Promise<unknown> {
    return versionAnswer(found, await formAsked(schemaStore, request, found.schema));
  }

  async function registered(request: FastifyRequest, found: SubjectVersion): Promise<unknown> {
    return registeredAnswer(found, await formAsked(schemaStore, request, found.schema));
  }

  async function listed(request: FastifyRequest): Promise<readonly number[]> {
    const subject = placeOf(request);
    const kind = deletedOf(request);
    const found = await subjects.versions(subject, kind);
    if (found.length > 0) return found;
    const isKnown = kind === 'only' && (await subjects.versions(subject, 'too')).length > 0;
    if (!isKnown) throw subjectNotFound(subject);
    return [];
  }

  async function lookup(request: FastifyRequest): Promise<unknown> {
    const given = givenSchema(readSchemaRequest(objectBody(request)));
    const options = { normalize: flagOf(request, 'normalize'), deleted: flagOf(request, 'deleted') };
    return answer(request, await subjectService.lookup(placeOf(request), given, options));
  }

  async function register(request: FastifyRequest): Promise<unknown> {
    const { text, ...given } = readSchemaRequest(objectBody(request));
    const source = text === null ? await schemaBefore(request) : { text };
    const normalize = flagOf(request, 'normalize');
    const wanted = { ...given, ...source, normalize };
    return registered(request, await subjectService.register(request.actor, placeOf(request), wanted));
  }

  /** A registration without a schema changes what stands beside the one before. */
  async function schemaBefore(request: FastifyRequest) {
    const subject = placeOf(request);
    const latest = (await subjects.versions(subject, 'none')).at(-1);
    if (latest === undefined) throw emptySchema();
    const { schema } = await subjects.version(subject, latest, 'none');
    return { text: schema.text, format: schema.format, references: schema.references };
  }

  /** Registers the same schema again with other tags in its metadata, which makes it the next version. */
  async function tag(request: FastifyRequest): Promise<unknown> {
    const wanted = readTagRequest(objectBody(request));
    const given = retagged((await versionOf(request, false)).schema, wanted);
    return registered(request, await subjectService.register(request.actor, placeOf(request), given));
  }

  async function byProperties(request: FastifyRequest): Promise<unknown> {
    const subject = placeOf(request);
    const values = queryList(request, 'value');
    const keys = queryList(request, 'key').slice(0, values.length);
    const properties = Object.fromEntries(keys.map((key, index) => [key, values[index] ?? '']));
    const kind = flagOf(request, 'deleted') ? 'too' : 'none';
    const found = await subjects.latestWithProperties(subject, properties, kind);
    if (found !== null) return answer(request, found);
    if ((await subjects.versions(subject, kind)).length === 0) throw subjectNotFound(subject);
    throw new LinewardError('SCHEMA_NOT_FOUND', undefined, { path: ['key'] });
  }
}

/** The `subjectPrefix` of a list; below `/contexts/{context}` one that names no context is of that one. */
export function subjectPrefixOf(request: FastifyRequest, otherwise: string): string {
  const given = queryOf(request, 'subjectPrefix');
  if (paramOf(request, 'context') === null) return given ?? otherwise;
  if (given !== null && /^:(\.[^:]*|\*):/u.test(given)) return given;
  const context = contextOf(request);
  return context === defaultContext ? (given ?? '') : `:${context}:${given ?? ''}`;
}
