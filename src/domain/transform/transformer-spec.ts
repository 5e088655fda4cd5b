import { z } from 'zod';

/** Bounds of a document: what is beyond them is no transformer but a mistake. */
const sourcesMax = 10;
const transformsMax = 50;
const fieldsMax = 200;
const valuesMax = 1_000;
const keysMax = 10;

const name = z.string().min(1).max(200);
const fieldName = z.string().min(1).max(200).describe('Name of a top-level field.');
const fieldNames = z.array(fieldName).min(1).max(fieldsMax);
const expression = z.string().min(1).max(4_000).describe('An expression; docs/transformers.md has its language.');
const isOfSize = (fields: object, most: number): boolean => {
  const count = Object.keys(fields).length;
  return count > 0 && count <= most;
};
const onError = z
  .enum(['reject', 'null'])
  .optional()
  .describe('What becomes of a row with a value that cannot be read: it is rejected (the default), or gets NULL.');

const zone = z
  .union([
    z.string().min(1).max(64),
    z.strictObject({ field: fieldName }).describe('The field that holds the name of the zone.'),
    z.strictObject({
      accounts: z.record(z.string(), z.string().min(1).max(64)).describe('Zones by account.'),
      default: z.string().min(1).max(64).optional().describe('Zone of all other accounts; UTC when absent.'),
    }),
  ])
  .describe('Zone of dates that name none: an IANA name, a field with such names, or one for each account.');

const entityOfFiles = z.strictObject({ namespace: name, entity: name });

const files = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(1_000)
    .describe('A file, a directory, or a pattern with *, ** and ?, below the root of the lake.'),
  format: z.enum(['ndjson', 'csv', 'parquet', 'avro']),
  codec: z.enum(['gzip', 'none']).optional().describe('Of ndjson and csv; what the name of a file tells when absent.'),
  schema: entityOfFiles.describe('The entity that the records are of, in its newest version.'),
  account: fieldName.describe('The field that says whose a record is.'),
  subjects: z.array(fieldName).max(10).optional().describe('Fields that name persons.'),
});

const lookup = z
  .strictObject({
    type: z.literal('lookup'),
    table: z.string().min(1).max(1_000).optional().describe('Directory of a table of the lake.'),
    files: files
      .partial({ account: true })
      .optional()
      .describe('Files of the lake that no table has; `account` and `subjects` only where they are about persons.'),
    on: z
      .record(fieldName, fieldName)
      .describe('Fields of the lookup by the fields that must be equal to them, as texts; at least one.'),
    fields: z.record(fieldName, fieldName).describe('Fields of the lookup by the new fields that get their values.'),
    missing: z
      .enum(['null', 'reject'])
      .optional()
      .describe('What becomes of a row without a match: its new fields are NULL (when absent), or it is rejected.'),
    defaults: z
      .record(fieldName, z.union([z.string().max(4_000), z.number(), z.boolean()]))
      .optional()
      .describe('Values of new fields for rows without a match, in the place of NULL.'),
  })
  .refine(({ table, files: of }) => (table === undefined) !== (of === undefined), {
    message: 'A lookup is in a table or in files; give one of them.',
  })
  .refine(({ on }) => isOfSize(on, keysMax), { path: ['on'], message: `Give 1 to ${keysMax} fields.` })
  .refine(({ fields }) => isOfSize(fields, fieldsMax), { path: ['fields'], message: `Give 1 to ${fieldsMax} fields.` })
  .refine(({ missing, defaults }) => missing !== 'reject' || defaults === undefined, {
    path: ['defaults'],
    message: 'A row without a match is rejected, so that no default is ever taken; leave one of the two out.',
  });

const transform = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('localizeDates'),
    fields: fieldNames.describe('Fields with dates; afterwards they are ISO 8601 in UTC.'),
    zone: zone.optional(),
    formats: z
      .array(z.string().min(1).max(100))
      .min(1)
      .max(20)
      .optional()
      .describe('iso8601, rfc2822, epochSeconds, epochMillis, or a pattern such as %d/%m/%Y %H:%M.'),
    overlap: z
      .enum(['earlier', 'later'])
      .optional()
      .describe('Which of the two instants a time is that a clock shows twice.'),
    gap: z
      .enum(['shift', 'reject'])
      .optional()
      .describe('What becomes of a time that a clock never shows: it moves on by the gap, or cannot be read.'),
    onError,
  }),
  z.strictObject({
    type: z.literal('rename'),
    fields: z.record(fieldName, fieldName).describe('New names by old ones.'),
  }),
  z.strictObject({
    type: z.literal('cast'),
    fields: z.record(fieldName, z.enum(['string', 'int', 'long', 'double', 'boolean'])).describe('Types by field.'),
    onError,
  }),
  z.strictObject({ type: z.literal('drop'), fields: fieldNames.describe('Fields that go.') }),
  z.strictObject({ type: z.literal('filter'), where: expression.describe('Rows for which it is true stay.') }),
  z.strictObject({
    type: z.literal('derive'),
    fields: z.record(fieldName, expression).describe('Expressions by the field that gets their value.'),
  }),
  z.strictObject({
    type: z.literal('flatten'),
    field: fieldName.describe('A field with an object.'),
    members: fieldNames.describe('Members that become fields of their own.'),
    separator: z.string().max(10).optional().describe('Between the two names; _ when absent.'),
  }),
  z.strictObject({
    type: z.literal('explode'),
    field: fieldName.describe('A field with a list; each element makes a row.'),
    as: fieldName.optional().describe('The field that gets the element; the same field when absent.'),
    keepEmpty: z.boolean().optional().describe('A row without elements stays, with NULL. Otherwise it goes.'),
  }),
  z.strictObject({ type: z.literal('protect') }),
  lookup,
]);

const compareField = z.strictObject({
  name: fieldName,
  compare: name.describe('strings, numbers, dates, or the name of an ordered list of values in `orders`.'),
  direction: z
    .enum(['asc', 'desc'])
    .describe('asc: of two rows the one with the greater value stays; desc: the lesser.'),
});

const combine = z.strictObject({ name: fieldName, with: z.enum(['sum', 'max', 'min']) });

const source = z
  .strictObject({
    topic: name.optional().describe('A topic that an entity is mapped to.'),
    table: z.string().min(1).max(1_000).optional().describe('Directory of a table of the lake.'),
    files: files.optional().describe('Files of the lake that no table has.'),
    transforms: z.array(transform).max(transformsMax).optional(),
  })
  .refine(({ topic, table, files: of }) => [topic, table, of].filter((one) => one !== undefined).length === 1, {
    message: 'A source is one of topic, table and files.',
  });

export const transformerDocument = z.strictObject({
  name,
  description: z.string().max(4_000).optional(),
  sources: z.array(source).min(1).max(sourcesMax).describe('What it is made of; rows of all are merged.'),
  key: z.array(fieldName).min(1).max(keysMax).describe('Columns that name a row; a table has one row for each key.'),
  merge: z.strictObject({
    strategy: z.enum(['deduplicate', 'latest', 'first']),
    fields: z.array(compareField).min(1).max(10).optional().describe('For deduplicate: what decides, in order.'),
    by: fieldName.optional().describe('For latest and first: the column with the date that decides.'),
    combine: z.array(combine).min(1).max(50).optional().describe('Columns that add up over all rows of a key.'),
  }),
  orders: z
    .record(name, z.array(z.string().max(500)).min(1).max(valuesMax))
    .optional()
    .describe('Ordered lists of values, the least first, by the name that `compare` uses.'),
  resource: z.strictObject({
    format: z.enum(['parquet', 'avro', 'ndjson']),
    path: z.string().min(1).max(1_000).describe('Directory below the root of the lake.'),
    codec: z
      .string()
      .max(20)
      .optional()
      .describe('zstd, snappy or none (Parquet); deflate, zstandard, snappy or null (Avro); gzip or none (NDJSON).'),
    fileSizeMb: z.number().min(1).max(1_024).optional().describe('Size that files are to have; 128 when absent.'),
    indexing: z
      .array(z.strictObject({ type: z.enum(['hourly', 'daily', 'monthly']), date: fieldName }))
      .max(1)
      .optional()
      .describe('Partitions by a date; none when absent.'),
    schema: z.strictObject({ namespace: name, entity: name, version: z.int().min(1) }),
  }),
});

export type TransformerSpec = z.infer<typeof transformerDocument>;
export type SourceSpec = TransformerSpec['sources'][number];
/** Of a source, or of a lookup, which may be about nobody. */
export type FilesSpec = NonNullable<TransformOf<'lookup'>['files']>;
export type TransformSpec = z.infer<typeof transform>;
export type TransformOf<Type extends TransformSpec['type']> = Extract<TransformSpec, { readonly type: Type }>;
export type PartitionGrain = NonNullable<TransformerSpec['resource']['indexing']>[number]['type'];
export type ResourceFormat = TransformerSpec['resource']['format'];

export const transformTypes: readonly string[] = transform.options.map((option) => option.shape.type.value);

/** JSON Schema (2020-12) of the documents that describe transformers. */
export function transformerJsonSchema(): object {
  return { title: 'Lineward transformer', ...z.toJSONSchema(transformerDocument) };
}
