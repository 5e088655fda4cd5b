import { parametersOf } from './openapi-parameters.ts';
import { flag, list, object, ref, schemas, schemaText, text, whole } from './openapi-schemas.ts';

/** A path of the listener with its methods, as routes were added. */
export interface DescribedRoute {
  readonly path: string;
  readonly methods: readonly string[];
}

interface Operation {
  readonly summary: string;
  readonly body?: object;
  /** Null when nothing is answered but 204. */
  readonly answer: object | null;
  /** Of what is done; 200 when absent. */
  readonly status?: number;
}

const operations: Readonly<Record<string, Operation>> = {
  'GET /': { summary: 'Says that the registry is there.', answer: object({}) },
  'POST /': { summary: 'Says that the registry is there.', answer: object({}) },
  'GET /openapi.json': { summary: 'This description.', answer: { type: 'object' } },
  'GET /v1/entities': {
    summary: 'Entities by name, 100 at a time; `next` is the `after` of the next page.',
    answer: object({ entities: list(ref('Entity')), next: { type: ['string', 'null'] } }),
  },
  'POST /v1/entities': {
    summary:
      'Registers a schema document as the next version of its entity; the same document again answers the version it has.',
    body: object({ document: ref('Document'), aliases: list(text) }, ['document']),
    answer: object({
      entity: ref('Entity'),
      version: ref('EntityVersion'),
      isNew: flag,
      incompatibilities: list({ type: 'object' }),
    }),
  },
  'GET /v1/entities/{entity}': {
    summary:
      'An entity by `namespace.name` or alias, with its versions, newest first, 100 at a time; `next` is the `after` of the next page.',
    answer: ref('EntityWithVersions'),
  },
  'GET /v1/entities/{entity}/versions/{version}': {
    summary: 'The document of a version, or of `latest`, as it was registered.',
    answer: ref('Document'),
  },
  'GET /v1/entities/{entity}/mappings': {
    summary: 'Topics, tables and indexes that hold records of an entity.',
    answer: list(ref('Mapping')),
  },
  'PUT /v1/entities/{entity}/mappings': {
    summary: 'Says that a topic, table or index holds records of an entity.',
    body: ref('Mapping'),
    answer: ref('Mapping'),
  },
  'DELETE /v1/entities/{entity}/mappings': {
    summary:
      'Removes the mapping of an entity to the dataset of `namespace` and `name`; 409 while a stream or an operation needs it.',
    answer: null,
  },
  'GET /subjects': { summary: 'Names of subjects.', answer: list(text) },
  'POST /subjects/{subject}': {
    summary: 'Finds the version of a subject that has a schema.',
    body: ref('NewSchema'),
    answer: ref('Schema'),
  },
  'DELETE /subjects/{subject}': { summary: 'Deletes a subject, softly first.', answer: list(whole) },
  'GET /subjects/{subject}/versions': { summary: 'Version numbers of a subject.', answer: list(whole) },
  'POST /subjects/{subject}/versions': {
    summary: 'Registers a schema under a subject.',
    body: ref('NewSchema'),
    answer: object({ id: whole }),
  },
  'GET /subjects/{subject}/versions/{version}': {
    summary: 'A version of a subject, or `latest`.',
    answer: ref('Schema'),
  },
  'DELETE /subjects/{subject}/versions/{version}': { summary: 'Deletes a version, softly first.', answer: whole },
  'GET /subjects/{subject}/versions/{version}/schema': {
    summary: 'The text of the schema of a version.',
    answer: schemaText,
  },
  'GET /subjects/{subject}/versions/{version}/referencedby': {
    summary: 'Ids of schemas that refer to a version.',
    answer: list(whole),
  },
  'POST /subjects/{subject}/versions/{version}/tags': {
    summary: 'Registers the schema of a version again with other tags.',
    body: object({ tagsToAdd: list({ type: 'object' }), tagsToRemove: list({ type: 'object' }) }),
    answer: ref('Schema'),
  },
  'GET /subjects/{subject}/metadata': {
    summary: 'The newest version whose metadata has the properties `key` and `value`.',
    answer: ref('Schema'),
  },
  'GET /schemas': { summary: 'Versions with their schemas.', answer: list(ref('Schema')) },
  'GET /schemas/types': { summary: 'Schema languages.', answer: list(text) },
  'GET /schemas/ids/{id}': { summary: 'A schema by its id.', answer: ref('Schema') },
  'GET /schemas/ids/{id}/schema': { summary: 'The text of a schema by its id.', answer: schemaText },
  'GET /schemas/ids/{id}/subjects': { summary: 'Subjects that have a schema.', answer: list(text) },
  'GET /schemas/ids/{id}/versions': {
    summary: 'Subjects and versions that have a schema.',
    answer: list(object({ subject: text, version: whole })),
  },
  'GET /schemas/guids/{guid}': {
    summary: 'A schema by its GUID, which is the same in every context and installation.',
    answer: ref('Schema'),
  },
  'GET /schemas/guids/{guid}/ids': {
    summary: 'Contexts and ids that have a GUID.',
    answer: list(object({ context: text, id: whole })),
  },
  'POST /compatibility/subjects/{subject}/versions': {
    summary: 'Whether a schema may follow the versions of a subject.',
    body: ref('NewSchema'),
    answer: object({ is_compatible: flag, messages: list(text) }),
  },
  'POST /compatibility/subjects/{subject}/versions/{version}': {
    summary: 'Whether a schema goes together with a version.',
    body: ref('NewSchema'),
    answer: object({ is_compatible: flag, messages: list(text) }),
  },
  'GET /contexts': { summary: 'Names of contexts.', answer: list(text) },
  'DELETE /contexts/{context}': { summary: 'Forgets a context that has no subject.', answer: null },
  'POST /associations': {
    summary: 'Ties subjects to a resource.',
    body: ref('Associations'),
    answer: ref('Associations'),
  },
  'GET /associations/subjects/{subject}': {
    summary: 'Resources that a subject describes.',
    answer: list({ type: 'object' }),
  },
  'GET /associations/resources/{resource}': {
    summary: 'Subjects that describe a resource, by its id.',
    answer: list({ type: 'object' }),
  },
  'PUT /associations/resources/{resource}': {
    summary: 'Makes or changes the associations of a resource.',
    body: ref('Associations'),
    answer: ref('Associations'),
  },
  'DELETE /associations/resources/{resource}': {
    summary: 'Removes associations of a resource, with `cascadeLifecycle` its own subjects too.',
    answer: null,
  },
  'GET /associations/resources/{namespace}/{name}': {
    summary: 'Subjects that describe a resource, by its name.',
    answer: list({ type: 'object' }),
  },
  'POST /associations:batchGet': {
    summary: 'Associations of several resources.',
    body: object({ requests: list({ type: 'object' }) }),
    answer: object({ results: list({ type: 'object' }) }),
  },
  'POST /associations:batchMutate': {
    summary: 'Makes or changes associations of several resources, each on its own.',
    body: object({ requests: list(ref('Associations')) }),
    answer: object({ results: list({ type: 'object' }) }),
    status: 207,
  },
  'GET /v1/metadata/id': { summary: 'Ids of the clusters.', answer: object({ id: text, scope: { type: 'object' } }) },
  'GET /v1/metadata/version': {
    summary: 'Release of the protocol.',
    answer: object({ version: text, commitId: text }),
  },
  'GET /v1/metadata/deployment': { summary: 'Kind of the deployment.', answer: object({ attributes: list(text) }) },
  ...settingOperations('config', 'compatibility configuration', ref('Config'), ref('ConfigChange')),
  ...settingOperations('mode', 'mode', ref('Mode'), ref('Mode')),
};

function settingOperations(path: string, what: string, shape: object, change: object): Record<string, Operation> {
  return Object.fromEntries(
    [
      ['', 'of everything'],
      ['/{subject}', 'of a subject or context'],
    ].flatMap(([suffix, whose]) => [
      [`GET /${path}${suffix}`, { summary: `The ${what} ${whose}.`, answer: shape }],
      [`PUT /${path}${suffix}`, { summary: `Sets the ${what} ${whose}.`, body: change, answer: change }],
      [`DELETE /${path}${suffix}`, { summary: `Removes the ${what} ${whose}; answers what it was.`, answer: shape }],
    ]),
  );
}

/** OpenAPI 3.1 of the routes that the listener has; a route that is not described here stands without words. */
export function openApi(routes: readonly DescribedRoute[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const { path, methods } of routes) {
    const address = path
      .replaceAll('::', ':')
      .replace(/:(\w+)/g, (word, name: string) => (path.includes(`:${word}`) ? word : `{${name}}`));
    const methodsOf = paths[address] ?? {};
    for (const method of methods) methodsOf[method.toLowerCase()] = operationOf(method, address);
    paths[address] = methodsOf;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Lineward schema registry',
      version: '1',
      description:
        'Confluent’s registry protocol, and entities with their mappings. Every path of the protocol also stands below `/contexts/{context}`.',
    },
    paths,
    components: {
      schemas,
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' }, basic: { type: 'http', scheme: 'basic' } },
    },
    security: [{}, { bearer: [] }, { basic: [] }],
  };
}

function operationOf(method: string, address: string): object {
  const known = operations[`${method} ${address}`];
  const parameters = parametersOf(`${method} ${address}`);
  const json = (schema: object) => ({ 'application/json': { schema } });
  return {
    summary: known?.summary ?? '',
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(known?.body === undefined ? {} : { requestBody: { required: true, content: json(known.body) } }),
    responses: {
      ...(known?.answer === null
        ? { 204: { description: 'Done.' } }
        : { [known?.status ?? 200]: { description: 'Done.', content: json(known?.answer ?? {}) } }),
      default: { description: 'Refused.', content: json(ref('Error')) },
    },
  };
}
