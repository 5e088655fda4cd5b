import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { printSubjectName, readSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { isViewNarrowed, readOn } from '../../services/access/reader.ts';
import type { SchemaStore } from '../../services/registry/schema-store.ts';
import type { SubjectReadModel } from '../../services/registry/subject.read-model.ts';
import type { StoredSchema, SubjectVersion } from '../../services/registry/subject-rows.ts';
import { contextOf } from './access.ts';
import { addPath, type RegistryScope } from './registry-protocol.ts';
import { deletedOf, flagOf, pageOf, paramOf, queryOf, schemaIdOf, takesUnknownFields } from './request-values.ts';
import { formAsked, schemaAnswer, textAsked, versionAnswer } from './schema-answer.ts';
import type { CachedAnswer, SchemaCache } from './schema-cache.ts';
import { subjectPrefixOf } from './subject.routes.ts';

/** Most schemas of one answer. */
const schemasMax = 1_000;
const guidPattern = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
const bareContext = /^:(\.[^:]*):$/su;

export interface SchemaRoutesDeps {
  readonly subjects: SubjectReadModel;
  readonly schemaStore: SchemaStore;
  readonly cache: SchemaCache;
}

/** `/schemas…`: schemas by id and GUID, where they are registered, and all of them. */
export function schemaRoutes(scope: RegistryScope, { subjects, schemaStore, cache }: SchemaRoutesDeps): void {
  addPath(scope, '/schemas/types', { GET: ['READ', () => ['JSON', 'PROTOBUF', 'AVRO']] });
  addPath(scope, '/schemas', { GET: ['READ', listed] });
  addPath(scope, '/schemas/ids/:id', { GET: ['READ', byId] });
  addPath(scope, '/schemas/ids/:id/schema', { GET: ['READ', textById] });
  addPath(scope, '/schemas/ids/:id/subjects', {
    GET: ['READ', async (request) => subjectsOf(request, await schemaOf(request))],
  });
  addPath(scope, '/schemas/ids/:id/versions', {
    GET: [
      'READ',
      async (request) => {
        const places = await placesOf(request, await schemaOf(request));
        return places.map(({ subject, version }) => ({ subject: printSubjectName(subject), version }));
      },
    ],
  });
  addPath(scope, '/schemas/guids/:guid', {
    GET: [
      'READ',
      async (request) => {
        const [schema] = await schemasOfGuid(request);
        return schemaAnswer(schema, await formAsked(schemaStore, request, schema));
      },
    ],
  });
  addPath(scope, '/schemas/guids/:guid/ids', {
    GET: ['READ', async (request) => (await schemasOfGuid(request)).map(({ context, id }) => ({ context, id }))],
  });

  async function listed(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const batches = await subjects.schemas({
      prefix: subjectPrefixOf(request, ''),
      deleted: deletedOf(request),
      latestOnly: flagOf(request, 'latestOnly'),
      ...pageOf(request, schemasMax),
    });
    const extended = takesUnknownFields(request);
    const answers = (versions: readonly SubjectVersion[]) =>
      versions.map((version) => versionAnswer(version, { text: version.schema.text, extended }));
    // Read by now, so that a database which does not answer is told of by a status.
    const first = await batches.next();
    return reply.send(
      Readable.from(readOn(jsonArray(first.done === true ? [] : answers(first.value), batches, answers))),
    );
  }

  function byId(request: FastifyRequest, reply: FastifyReply): unknown {
    const context = contextOfSchema(request);
    const id = schemaIdOf(request);
    if (!isPlain(request)) return inForm(request, context, id);
    const extended = takesUnknownFields(request);
    return cached(request, reply, `${extended ? 'extended' : 'plain'} ${context} ${id}`, async () => {
      const schema = await subjects.schema(context, id);
      return JSON.stringify(schemaAnswer(schema, { text: schema.text, extended }));
    });
  }

  async function inForm(request: FastifyRequest, context: string, id: number): Promise<unknown> {
    const schema = await subjects.schema(context, id);
    return {
      ...schemaAnswer(schema, await formAsked(schemaStore, request, schema)),
      ...(flagOf(request, 'fetchMaxId') ? { maxId: await subjects.maxId(context) } : {}),
      ...(flagOf(request, 'includeSubjects') ? { subjects: await subjectsOf(request, schema) } : {}),
    };
  }

  function textById(request: FastifyRequest, reply: FastifyReply): unknown {
    const make = async () => textAsked(schemaStore, request, await schemaOf(request));
    if (!isPlain(request)) return make().then((text) => reply.send(text));
    return cached(request, reply, `text ${contextOfSchema(request)} ${schemaIdOf(request)}`, make);
  }

  /** Sends what is kept under a key without waiting for anything. */
  function cached(request: FastifyRequest, reply: FastifyReply, key: string, make: () => Promise<string>): unknown {
    // Neither taken from there nor left there: not all may be shown what is in it.
    if (isViewNarrowed()) return make().then((body) => reply.send(body));
    const kept = cache.kept(key);
    if (kept !== undefined) return sent(request, reply, kept);
    return cache.made(key, make).then((answer) => sent(request, reply, answer));
  }

  function schemaOf(request: FastifyRequest): Promise<StoredSchema> {
    return subjects.schema(contextOfSchema(request), schemaIdOf(request));
  }

  /** Places of a schema; a `subject` in the query leaves the others out. */
  async function placesOf(request: FastifyRequest, schema: StoredSchema) {
    const places = await subjects.placesOf(schema, deletedOf(request));
    const only = subjectOfQuery(request);
    return only === null ? places : places.filter(({ subject }) => subject.name === only.name);
  }

  async function subjectsOf(request: FastifyRequest, schema: StoredSchema): Promise<readonly string[]> {
    const places = await placesOf(request, schema);
    return [...new Set(places.map(({ subject }) => printSubjectName(subject)))];
  }

  async function schemasOfGuid(request: FastifyRequest): Promise<readonly [StoredSchema, ...StoredSchema[]]> {
    const guid = paramOf(request, 'guid') ?? '';
    const [first, ...others] = guidPattern.test(guid) ? await subjects.schemasOfGuid(guid) : [];
    if (first === undefined)
      throw new LinewardError('SCHEMA_NOT_FOUND', `Schema ${guid.slice(0, 80)} not found`, { path: ['guid'] });
    return [first, ...others];
  }
}

/** The text of a JSON array, batch by batch: the next one is read when the client has taken this one. */
async function* jsonArray<T>(
  first: readonly object[],
  others: AsyncIterable<T>,
  answers: (batch: T) => readonly object[],
): AsyncGenerator<string> {
  yield `[${first.map((one) => JSON.stringify(one)).join(',')}`;
  for await (const batch of others) {
    const texts = answers(batch).map((one) => `,${JSON.stringify(one)}`);
    if (texts.length > 0) yield texts.join('');
  }
  yield ']';
}

/** The `subject` of the query; null when there is none, or only a context. */
function subjectOfQuery(request: FastifyRequest): SubjectName | null {
  const text = queryOf(request, 'subject') ?? '';
  return text === '' || bareContext.test(text) ? null : readSubjectName(text, contextOf(request));
}

/** Ids count within a context: that of the `subject` which the client reads for, when it is qualified. */
function contextOfSchema(request: FastifyRequest): string {
  const text = queryOf(request, 'subject') ?? '';
  if (!text.startsWith(':.')) return contextOf(request);
  return bareContext.exec(text)?.[1] ?? readSubjectName(text, contextOf(request)).context;
}

/** Whether the answer is the same for all who ask for the schema. */
function isPlain(request: FastifyRequest): boolean {
  const format = queryOf(request, 'format') ?? '';
  return format.trim() === '' && !flagOf(request, 'fetchMaxId') && !flagOf(request, 'includeSubjects');
}

function sent({ headers }: FastifyRequest, reply: FastifyReply, { body, etag }: CachedAnswer): FastifyReply {
  reply.header('etag', etag);
  const known = headers['if-none-match'];
  return known !== undefined && names(known, etag) ? reply.status(304).send() : reply.send(body);
}

function names(header: string, etag: string): boolean {
  return header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}
