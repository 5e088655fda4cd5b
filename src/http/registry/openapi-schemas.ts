/** Pieces of JSON Schema. */
export const text = { type: 'string' } as const;
export const whole = { type: 'integer' } as const;
export const flag = { type: 'boolean' } as const;
export const list = (items: object) => ({ type: 'array', items });
export const object = (properties: object, required: readonly string[] = []) => ({
  type: 'object',
  properties,
  ...(required.length === 0 ? {} : { required }),
});
export const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

/** A schema as it stands: JSON for Avro and JSON Schema, and source for Protobuf. */
export const schemaText = { description: 'The schema as it stands: JSON, or the source of Protobuf.' } as const;

const compatibility = {
  ...text,
  enum: ['NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE'],
} as const;
const config = {
  compatibilityPolicy: { ...text, enum: ['STRICT', 'LENIENT'] },
  compatibilityGroup: {
    ...text,
    description: 'Property of the metadata: versions with other values are not compared.',
  },
  alias: { ...text, description: 'Subject that stands for this one.' },
  normalize: flag,
  validateFields: flag,
  validateRules: flag,
  defaultMetadata: { type: 'object' },
  overrideMetadata: { type: 'object' },
  defaultRuleSet: { type: 'object' },
  overrideRuleSet: { type: 'object' },
} as const;
const entity = { id: text, namespace: text, name: text, catalogNamespace: text, createdAt: text, updatedAt: text };

export const schemas = {
  Error: object(
    {
      error_code: { ...whole, description: 'Number of the fault; its first three digits are the HTTP status.' },
      message: text,
    },
    ['error_code', 'message'],
  ),
  Document: object(
    {
      version: { ...text, description: 'As its author counts; free text.' },
      created_by: text,
      date_created: text,
      namespace: { ...text, description: 'Folder or team in the catalog.' },
      schema: { type: 'object', description: 'An Avro record. Fields may carry `twilio_type` and `confluent:tags`.' },
    },
    ['namespace', 'schema'],
  ),
  Entity: object(entity),
  EntityWithVersions: object({
    ...entity,
    aliases: list(text),
    versions: list(ref('EntityVersion')),
    next: { type: ['string', 'null'] },
  }),
  EntityVersion: object({
    number: whole,
    schemaId: whole,
    label: text,
    fingerprint: text,
    createdBy: text,
    createdAt: text,
  }),
  Mapping: object(
    {
      dataset: object(
        {
          namespace: { ...text, description: 'e.g. `kafka://broker:9092`' },
          name: { ...text, description: 'e.g. a topic' },
        },
        ['namespace', 'name'],
      ),
      role: { ...text, enum: ['TOPIC', 'LAKE_TABLE', 'WAREHOUSE_TABLE', 'SEARCH_INDEX'] },
      accountField: { ...text, description: 'Field that names the account of a record.' },
      subjectFields: { ...list(text), description: 'Fields that name the person of a record.' },
    },
    ['dataset', 'role', 'accountField'],
  ),
  Schema: object({
    subject: text,
    version: whole,
    id: whole,
    schemaType: { ...text, enum: ['AVRO', 'JSON', 'PROTOBUF'], default: 'AVRO' },
    schema: text,
    references: list(ref('Reference')),
    metadata: { type: 'object' },
    ruleSet: { type: 'object' },
  }),
  Reference: object({ name: text, subject: text, version: whole }, ['name', 'subject', 'version']),
  NewSchema: object(
    {
      schema: text,
      schemaType: { ...text, enum: ['AVRO', 'JSON', 'PROTOBUF'], default: 'AVRO' },
      references: list(ref('Reference')),
      metadata: { type: 'object' },
      ruleSet: { type: 'object' },
      id: whole,
      version: whole,
    },
    ['schema'],
  ),
  Config: object({ compatibilityLevel: compatibility, ...config }),
  ConfigChange: object({ compatibility, ...config }),
  Mode: object({ mode: { ...text, enum: ['READWRITE', 'READONLY', 'READONLY_OVERRIDE', 'IMPORT'] } }, ['mode']),
  Associations: object({
    resourceId: text,
    resourceName: text,
    resourceNamespace: text,
    resourceType: text,
    associations: list({ type: 'object' }),
  }),
};
