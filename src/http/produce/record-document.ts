import { z } from 'zod';
import { readExactJson } from '../../domain/exact-json.ts';
import type { SchemaFormat } from '../../domain/registry/schema-format.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RecordEncoding, RecordToProduce } from '../../services/kafka/record-writer.ts';
import { namedSchema } from './produce-request.ts';

const formats: Readonly<Record<string, SchemaFormat>> = { AVRO: 'AVRO', JSONSCHEMA: 'JSON', PROTOBUF: 'PROTOBUF' };

const schemaName = {
  schema_id: z
    .number()
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .nullish(),
  schema: z.string().nullish(),
  subject: z.string().nullish(),
  schema_version: z.union([z.number(), z.string()]).nullish(),
  subject_name_strategy: z.literal('TOPIC_NAME').nullish(),
};
const part = z.object({
  type: z.enum(['JSON', 'STRING', 'BINARY', 'AVRO', 'JSONSCHEMA', 'PROTOBUF']).default('JSON'),
  data: z.unknown(),
  ...schemaName,
});
const documentSchema = z.object({
  partition_id: z.number().int().min(0).nullish(),
  timestamp: z.union([z.iso.datetime({ offset: true }), z.number().int()]).nullish(),
  headers: z
    .array(z.object({ name: z.string(), value: z.base64().nullish() }))
    .max(1_000)
    .nullish(),
  key: part.nullish(),
  // Absent is no way to say that a key is to be deleted: it is what a misspelt "value" looks like.
  value: part.nullable(),
});

/** One record of a stream, and how it is to be written. */
export interface StreamedRecord {
  readonly keys: RecordEncoding;
  readonly values: RecordEncoding;
  readonly record: RecordToProduce;
  /** As the answer names them; null for what is not there. */
  readonly types: { readonly key: string | null; readonly value: string | null };
}

/**
 * Reads one document of `POST /v3/clusters/{cluster}/topics/{topic}/records`.
 * @throws LinewardError MESSAGE_INVALID with the place of what is wrong, never with what it holds; VERSION_INVALID
 */
export function readRecordDocument(text: string): StreamedRecord {
  const read = documentSchema.safeParse(parsed(text));
  if (!read.success) {
    const [issue] = read.error.issues;
    throw invalid(
      issue?.path.join('.') || 'record',
      issue?.code === 'invalid_type' ? 'is missing or of another type' : 'is not as it must be',
    );
  }
  const { partition_id: partition, timestamp, headers, key = null, value } = read.data;
  return {
    keys: encodingOf(key),
    values: encodingOf(value),
    record: {
      key: key?.data,
      value: value === null ? null : value.data,
      partition: partition ?? undefined,
      timestamp: timestamp === null || timestamp === undefined ? undefined : timestampOf(timestamp),
      headers: headersOf(headers ?? []),
    },
    types: { key: key?.type ?? null, value: value?.type ?? null },
  };
}

function encodingOf(given: z.infer<typeof part> | null): RecordEncoding {
  if (given === null) return { kind: 'JSON' };
  const { type } = given;
  const format = formats[type];
  if (format === undefined) return { kind: type as 'JSON' | 'STRING' | 'BINARY' };
  const schema = namedSchema(given.schema_id, given.schema, given.subject, given.schema_version);
  return { kind: 'SCHEMA', format, schema };
}

/** Kafka counts from 1970; a number may be more than a date can be. */
function timestampOf(given: string | number): string {
  const milliseconds = new Date(given).getTime();
  if (milliseconds >= 0) return String(milliseconds);
  throw invalid('timestamp', 'is no time since 1970');
}

function headersOf(headers: readonly { name: string; value?: string | null | undefined }[]): Record<string, Buffer> {
  const named = new Map(headers.map(({ name, value }) => [name, Buffer.from(value ?? '', 'base64')]));
  if (named.size < headers.length) throw invalid('headers', 'a name may appear once only');
  return Object.fromEntries(named);
}

/** Numbers of Avro keep all their digits; those of plain JSON are what JSON readers make of them. */
function parsed(text: string): unknown {
  try {
    return /"AVRO"/.test(text) ? readExactJson(text) : JSON.parse(text);
  } catch {
    throw invalid('record', 'is not JSON');
  }
}

function invalid(place: string, why: string): LinewardError {
  return new LinewardError('MESSAGE_INVALID', `${place}: ${why}`);
}
