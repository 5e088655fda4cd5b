import type { FastifyReply, FastifyRequest } from 'fastify';
import { schemaFormats } from '../../domain/registry/schema-format.ts';
import { printSubjectName, readSubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { SchemaStore } from '../../services/registry/schema-store.ts';
import type { DeletedFilter, SubjectReadModel } from '../../services/registry/subject.read-model.ts';
import type { StoredSchema } from '../../services/registry/subject-rows.ts';
import {
  addPath,
  contextOf,
  countOf,
  flagOf,
  paramOf,
  queryOf,
  type RegistryScope,
  takesUnknownFields,
} from './registry-protocol.ts';
import { schemaFields, textAsked, versionAnswer } from './schema-answer.ts';
import type { SchemaCache } from './schema-cache.ts';

/** Schemas that a list answers when the client asks for no number. */
const listDefault = 1_000;

export interface SchemaRoutesDeps {
  readonly subjects: SubjectReadModel;
  readonly schemaStore: SchemaStore;
  readonly cache: SchemaCache;
}

/** `/schemas…`: schemas by id and GUID, where they are registered, and all of them. */
export function schemaRoutes(scope: RegistryScope, { subjects, schemaStore, cache }: SchemaRoutesDeps): void {
  addPath(scope, '/schemas/types', { GET: ['READ', () => schemaFormats.toSorted((a, b) => order(a) - order(b))] });
  addPath(scope, '/schemas', {
    GET: [
      'READ',
      async (request) => {
        const found = await subjects.schemas({
          prefix: queryOf(request, 'subjectPrefix') ?? ':*:',
          deleted: flagOf(request, 'deleted') ? 'too' : 'none',
          latestOnly: flagOf(request, 'latestOnly'),
          offset: countOf(request, 'offset', 0),
          limit: countOf(request, 'limit', listDefault),
        });
        return found.map((version) => versionAnswer(request, version));
      },
    ],
  });
  addPath(scope, '/schemas/ids/:id', { GET: ['READ', (request, reply) => cached(request, reply, 'whole')] });
  addPath(scope, '/schemas/ids/:id/schema', { GET: ['READ', (request, reply) => cached(request, reply, 'text')] });
  addPath(scope, '/schemas/ids/:id/subjects', {
    GET: [
      'READ',
      async (request) => {
        const places = await subjects.placesOf(await schemaOf(request), deletedOf(request));
        return [...new Set(places.map((place) => printSubjectName(place.subject)))];
      },
    ],
  });
  addPath(scope, '/schemas/ids/:id/versions', {
    GET: [
      'READ',
      async (request) => {
        const places = await subjects.placesOf(await schemaOf(request), deletedOf(request));
        return places.map((place) => ({ subject: printSubjectName(place.subject), version: place.version }));
      },
    ],
  });
  addPath(scope, '/schemas/guids/:guid', {
    GET: [
      'READ',
      async (request) => {
        const [schema] = await guidOf(request);
        return schemaFields(schema, await textAsked(schemaStore, request, schema));
      },
    ],
  });
  addPath(scope, '/schemas/guids/:guid/ids', {
    GET: ['READ', async (request) => (await guidOf(request)).map(({ context, id }) => ({ context, id }))],
  });

  async function cached(request: FastifyRequest, reply: FastifyReply, kind: 'whole' | 'text'): Promise<unknown> {
    const { url } = request;
    // Only the plain question is kept; what options ask for is worked out.
    const known = takesUnknownFields(request) ? null : cache.get(url);
    if (known !== null) return sent(request, reply, known.body, known.etag);
    const schema = await schemaOf(request);
    const text = await textAsked(schemaStore, request, schema);
    const answer =
      kind === 'text' ? text : JSON.stringify({ ...schemaFields(schema, text), ...(await more(request, schema)) });
    const body = Buffer.from(answer);
    const etag = `"${schema.guid}"`;
    const isPlain = !['fetchMaxId', 'includeSubjects'].some((name) => flagOf(request, name));
    if (isPlain && !takesUnknownFields(request)) cache.put(url, { body, etag });
    return sent(request, reply, body, etag);
  }

  async function more(request: FastifyRequest, schema: StoredSchema): Promise<object> {
    const places = flagOf(request, 'includeSubjects') ? await subjects.placesOf(schema, 'none') : null;
    return {
      ...(takesUnknownFields(request) ? { guid: schema.guid, ts: schema.createdAt.getTime() } : {}),
      ...(flagOf(request, 'fetchMaxId') ? { maxId: await subjects.maxId(schema.context) } : {}),
      ...(places === null ? {} : { subjects: [...new Set(places.map((place) => printSubjectName(place.subject)))] }),
    };
  }

  async function schemaOf(request: FastifyRequest): Promise<StoredSchema> {
    const text = paramOf(request, 'id') ?? '';
    const subject = queryOf(request, 'subject');
    const context = contextOf(request);
    if (!/^[1-9]\d{0,9}$/.test(text) || Number(text) >= 2 ** 31)
      throw new LinewardError('SCHEMA_NOT_FOUND', `Schema ${text.slice(0, 40)} not found`, { path: ['id'] });
    return subjects.schema(
      subject === null || subject === '' ? context : readSubjectName(subject, context).context,
      Number(text),
    );
  }

  async function guidOf(request: FastifyRequest): Promise<readonly [StoredSchema, ...StoredSchema[]]> {
    const [first, ...others] = await subjects.schemasOfGuid(paramOf(request, 'guid') ?? '');
    if (first === undefined) throw new LinewardError('SCHEMA_NOT_FOUND', undefined, { path: ['guid'] });
    return [first, ...others];
  }
}

const order = (format: string): number => ['JSON', 'PROTOBUF', 'AVRO'].indexOf(format);

export function deletedOf(request: FastifyRequest): DeletedFilter {
  if (flagOf(request, 'deletedOnly')) return 'only';
  return flagOf(request, 'deleted') ? 'too' : 'none';
}

function sent(request: FastifyRequest, reply: FastifyReply, body: Buffer, etag: string): FastifyReply {
  reply.header('etag', etag);
  return request.headers['if-none-match'] === etag ? reply.status(304).send() : reply.send(body);
}
