import { z } from 'zod';
import type { SchemaFormat } from '../../domain/registry/schema-format.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RecordEncoding, RecordToProduce } from '../../services/kafka/record-writer.ts';
import type { NamedSchema } from '../../services/registry/record-schemas.ts';
import { readVersionNumber } from '../../services/registry/subject.read-model.ts';

/** The schema language of the media types of records; those that need none have a kind. */
const embeddedFormats: ReadonlyMap<string, SchemaFormat | 'JSON_TEXT' | 'BINARY'> = new Map([
  ['application/vnd.kafka.json.v2+json', 'JSON_TEXT'],
  ['application/vnd.kafka.v2+json', 'JSON_TEXT'],
  ['application/vnd.kafka.binary.v2+json', 'BINARY'],
  ['application/vnd.kafka.avro.v2+json', 'AVRO'],
  ['application/vnd.kafka.jsonschema.v2+json', 'JSON'],
  ['application/vnd.kafka.protobuf.v2+json', 'PROTOBUF'],
]);

export const embeddedTypes = [...embeddedFormats.keys()];

/** The media type without its parameters, as it is compared. */
export function mediaTypeOf(header: string | undefined): string {
  return (header ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

const schemaId = z
  .number()
  .int()
  .min(1)
  .max(2 ** 31 - 1)
  .nullish();
// The database keeps no U+0000 and no half of a surrogate pair.
const text = z
  .string()
  .refine((given) => given.isWellFormed() && !given.includes('\0'))
  .nullish();
const version = z.union([z.number(), z.string()]).nullish();
const bodySchema = z.object({
  records: z
    .array(
      z.object({
        key: z.unknown().optional(),
        value: z.unknown().optional(),
        partition: z.number().int().min(0).nullish(),
      }),
    )
    .min(1),
  ...{ key_schema_id: schemaId, key_schema: text, key_subject: text, key_schema_version: version },
  ...{ value_schema_id: schemaId, value_schema: text, value_subject: text, value_schema_version: version },
});

/** Records of one request. */
export interface RecordsToProduce {
  readonly keys: RecordEncoding;
  readonly values: RecordEncoding;
  readonly records: readonly RecordToProduce[];
}

/**
 * The body of `POST /topics/{topic}`, and of `POST /topics/{topic}/partitions/{partition}`, which puts all records there.
 * @throws LinewardError MESSAGE_INVALID for a body of another shape, VERSION_INVALID
 */
export function readProduceBody(body: unknown, mediaType: string, partition: number | null): RecordsToProduce {
  const read = bodySchema.safeParse(body);
  if (!read.success) throw malformed(read.error.issues[0]?.path.join('.') || 'records');
  const { data } = read;
  const other = data.records.findIndex((record) => partition !== null && (record.partition ?? partition) !== partition);
  if (other >= 0) throw malformed(`records.${other}.partition`, 'is not the one of the address');
  return {
    records: data.records.map((record) => ({ ...record, partition: partition ?? record.partition ?? undefined })),
    keys: encodingOf(
      mediaType,
      namedSchema(data.key_schema_id, data.key_schema, data.key_subject, data.key_schema_version),
    ),
    values: encodingOf(
      mediaType,
      namedSchema(data.value_schema_id, data.value_schema, data.value_subject, data.value_schema_version),
    ),
  };
}

function encodingOf(mediaType: string, schema: NamedSchema): RecordEncoding {
  const format = embeddedFormats.get(mediaType) ?? 'JSON_TEXT';
  if (format === 'JSON_TEXT') return { kind: 'JSON' };
  return format === 'BINARY' ? { kind: 'BINARY' } : { kind: 'SCHEMA', format, schema };
}

function malformed(
  place: string,
  why = 'the body must be {"records": [{"key"?, "value", "partition"?}], "key_schema"? or "key_schema_id"?, "value_schema"? or "value_schema_id"?}',
): LinewardError {
  return new LinewardError('MESSAGE_INVALID', `${place}: ${why}`);
}

/** How a request names a schema. @throws LinewardError VERSION_INVALID */
export function namedSchema(
  id: number | null | undefined,
  schemaText: string | null | undefined,
  subject: string | null | undefined,
  given: string | number | null | undefined,
): NamedSchema {
  const number = given === null || given === undefined ? null : readVersionNumber(String(given));
  return { id: id ?? null, text: schemaText ?? null, subject: subject ?? null, version: number };
}
