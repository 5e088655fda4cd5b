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
  Entity: object({ id: text, namespace: text, name: text, catalogNamespace: text, createdAt: text, updatedAt: text }),
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
  Config: object({
    compatibility: {
      ...text,
      enum: ['NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE'],
    },
    compatibilityPolicy: { ...text, enum: ['STRICT', 'LENIENT'] },
    compatibilityGroup: text,
    alias: text,
    normalize: flag,
    validateFields: flag,
  }),
  Mode: object({ mode: { ...text, enum: ['READWRITE', 'READONLY', 'READONLY_OVERRIDE', 'IMPORT'] } }, ['mode']),
  Associations: object({
    resourceId: text,
    resourceName: text,
    resourceNamespace: text,
    resourceType: text,
    associations: list({ type: 'object' }),
  }),
};
