import { z } from 'zod';
import type { SchemaFormat } from '../../domain/registry/schema-format.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RecordsToProduce } from '../../services/kafka/produce.service.ts';
import type { NamedSchema } from '../../services/registry/record-schemas.ts';
import { readVersionNumber } from '../../services/registry/subject.read-model.ts';

export const answerType = 'application/vnd.kafka.v2+json';
export const binaryType = 'application/vnd.kafka.binary.v2+json';

/** The media types of records, with the schema language that frames them; null for plain JSON. */
export const embeddedFormats: ReadonlyMap<string, SchemaFormat | null> = new Map([
  ['application/vnd.kafka.json.v2+json', null],
  [answerType, null],
  ['application/vnd.kafka.avro.v2+json', 'AVRO'],
  ['application/vnd.kafka.jsonschema.v2+json', 'JSON'],
  ['application/vnd.kafka.protobuf.v2+json', 'PROTOBUF'],
]);

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

/**
 * The body of `POST /topics/{topic}`.
 * @throws LinewardError MESSAGE_INVALID for a body of another shape, VERSION_INVALID
 */
export function readProduceBody(body: unknown): Omit<RecordsToProduce, 'topic' | 'format'> {
  const read = bodySchema.safeParse(body);
  if (!read.success) {
    const place = read.error.issues[0]?.path.join('.') || 'records';
    throw new LinewardError(
      'MESSAGE_INVALID',
      `${place}: the body must be {"records": [{"key"?, "value", "partition"?}], "key_schema"? or "key_schema_id"?, "value_schema"? or "value_schema_id"?}`,
    );
  }
  const { data } = read;
  return {
    records: data.records.map((record) => ({ ...record, partition: record.partition ?? undefined })),
    keySchema: named(data.key_schema_id, data.key_schema, data.key_subject, data.key_schema_version),
    valueSchema: named(data.value_schema_id, data.value_schema, data.value_subject, data.value_schema_version),
  };
}

function named(
  id: number | null | undefined,
  schemaText: string | null | undefined,
  subject: string | null | undefined,
  given: string | number | null | undefined,
): NamedSchema {
  const number = given === null || given === undefined ? null : readVersionNumber(String(given));
  return { id: id ?? null, text: schemaText ?? null, subject: subject ?? null, version: number };
}

/** JSON whose whole numbers beyond 2^53 keep their digits, as bigints. */
export function withExactIntegers(json: string): unknown {
  return JSON.parse(json, (_key, value: unknown, context?: { readonly source?: string }): unknown => {
    const isExact = typeof value !== 'number' || Number.isSafeInteger(value);
    return !isExact && /^-?\d+$/.test(context?.source ?? '') ? BigInt(context?.source ?? value) : value;
  });
}
