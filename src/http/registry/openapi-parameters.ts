import { flag, text, whole } from './openapi-schemas.ts';

/** What a query may hold: its schema and what it does. */
const parameters = {
  after: [text, 'Cursor of the page before: its `next`.'],
  associationType: [text, 'Only associations of this type, e.g. `value`.'],
  cascadeLifecycle: [flag, 'Deletes subjects that belong to the resource alone, too.'],
  context: [text, 'Context that subjects are of when they name none.'],
  contextPrefix: [text, 'Beginning of the names.'],
  defaultToGlobal: [flag, 'Answers what is in force, wherever it was set.'],
  deleted: [flag, 'Counts softly deleted versions, too.'],
  deletedOnly: [flag, 'Counts nothing but softly deleted versions.'],
  dryRun: [flag, 'Checks everything and keeps nothing.'],
  fetchMaxId: [flag, 'Answers the largest id, too.'],
  force: [flag, 'Allows IMPORT where subjects exist.'],
  format: [text, 'Variant of the text: `resolved`, or `serialized` and `ignore_extensions` for Protobuf.'],
  includeSubjects: [flag, 'Answers the subjects of the schema, too.'],
  key: [text, 'Name of a property of the metadata; may repeat.'],
  latestOnly: [flag, 'Only the newest version of each subject.'],
  lifecycle: [text, 'Only associations of this lifecycle.'],
  limit: [whole, 'Most items of the answer.'],
  name: [text, 'Name of the dataset.'],
  namespace: [text, 'Namespace of the dataset.'],
  normalize: [flag, 'Brings the schema to its normal form first.'],
  offset: [whole, 'Items to leave out at the beginning.'],
  permanent: [flag, 'Deletes for good what was softly deleted before.'],
  recursive: [flag, 'Removes the modes of all subjects of the context, too.'],
  resourceType: [text, 'Kind of the resource; `topic` when absent.'],
  subject: [text, 'Subject to look in; a qualified one names the context that the id is of.'],
  subjectPrefix: [text, 'Beginning of the names; `:*:` stands for all contexts.'],
  value: [text, 'Value of the property at the same place as its `key`.'],
  verbose: [flag, 'Answers the reasons, too.'],
} as const;
type Parameter = keyof typeof parameters;

const page: readonly Parameter[] = ['offset', 'limit'];
const associations: readonly Parameter[] = ['resourceType', 'associationType', 'lifecycle', ...page];
const version: readonly Parameter[] = ['deleted', 'format'];

const queries: Readonly<Record<string, readonly Parameter[]>> = {
  'GET /v1/entities': ['after'],
  'GET /v1/entities/{entity}': ['after'],
  'DELETE /v1/entities/{entity}/mappings': ['namespace', 'name'],
  'GET /subjects': ['subjectPrefix', 'deleted', 'deletedOnly', ...page],
  'POST /subjects/{subject}': ['normalize', ...version],
  'DELETE /subjects/{subject}': ['permanent'],
  'GET /subjects/{subject}/versions': ['deleted', 'deletedOnly'],
  'POST /subjects/{subject}/versions': ['normalize', 'format'],
  'GET /subjects/{subject}/versions/{version}': version,
  'DELETE /subjects/{subject}/versions/{version}': ['permanent'],
  'GET /subjects/{subject}/versions/{version}/schema': version,
  'GET /subjects/{subject}/metadata': ['key', 'value', ...version],
  'GET /schemas': ['subjectPrefix', 'deleted', 'deletedOnly', 'latestOnly', ...page],
  'GET /schemas/ids/{id}': ['subject', 'format', 'fetchMaxId', 'includeSubjects'],
  'GET /schemas/ids/{id}/schema': ['subject', 'format'],
  'GET /schemas/ids/{id}/subjects': ['subject', 'deleted', 'deletedOnly'],
  'GET /schemas/ids/{id}/versions': ['subject', 'deleted', 'deletedOnly'],
  'GET /schemas/guids/{guid}': ['format'],
  'POST /compatibility/subjects/{subject}/versions': ['verbose', 'normalize'],
  'POST /compatibility/subjects/{subject}/versions/{version}': ['verbose', 'normalize'],
  'GET /contexts': ['contextPrefix', ...page],
  'GET /config': ['defaultToGlobal'],
  'GET /config/{subject}': ['defaultToGlobal'],
  'GET /mode': ['defaultToGlobal'],
  'GET /mode/{subject}': ['defaultToGlobal'],
  'PUT /mode': ['force'],
  'PUT /mode/{subject}': ['force'],
  'DELETE /mode': ['recursive'],
  'DELETE /mode/{subject}': ['recursive'],
  'POST /associations': ['context', 'dryRun'],
  'GET /associations/subjects/{subject}': ['context', ...associations],
  'GET /associations/resources/{resource}': associations,
  'PUT /associations/resources/{resource}': ['context', 'dryRun'],
  'DELETE /associations/resources/{resource}': ['cascadeLifecycle', 'resourceType', 'associationType', 'lifecycle'],
  'GET /associations/resources/{namespace}/{name}': associations,
  'POST /associations:batchGet': associations,
  'POST /associations:batchMutate': ['context', 'dryRun'],
};

/** Parameters of an operation, e.g. `GET /subjects/{subject}`: those of its address, then those of its query. */
export function parametersOf(operation: string): readonly object[] {
  const inPath = [...operation.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: text,
  }));
  const inQuery = (queries[operation] ?? []).map((name) => {
    const [schema, description] = parameters[name];
    return { name, in: 'query', schema, description };
  });
  return [...inPath, ...inQuery];
}
