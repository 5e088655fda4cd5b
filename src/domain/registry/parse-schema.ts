import { LinewardError } from '../../errors/lineward-error.ts';
import { parseAvroSchema } from './avro/avro-schema.ts';
import { parseJsonSchema } from './json-schema/json-schema.ts';
import { parseProtobufSchema } from './protobuf/protobuf-schema.ts';
import { type ParsedSchema, type SchemaFormat, type SchemaSource, schemaFormats } from './schema-format.ts';

const parsers: Readonly<Record<SchemaFormat, (source: SchemaSource) => ParsedSchema>> = {
  AVRO: parseAvroSchema,
  JSON: parseJsonSchema,
  PROTOBUF: parseProtobufSchema,
};

/** Largest text of one schema, in characters. */
export const schemaCharsMax = 4 * 1024 * 1024;

/**
 * Reads and checks a schema of any language.
 * @throws LinewardError SCHEMA_INVALID, FIELD_DUPLICATE or LIMIT_EXCEEDED with the place in the schema; SCHEMA_TOO_LARGE.
 */
export function parseSchema(format: SchemaFormat, source: SchemaSource): ParsedSchema {
  if (source.text.length > schemaCharsMax) {
    throw new LinewardError('SCHEMA_TOO_LARGE', `The schema has more than ${schemaCharsMax} characters.`, {
      path: ['schema'],
    });
  }
  if (source.text.trim() === '')
    throw new LinewardError('SCHEMA_INVALID', 'schema: is empty; send the text of a schema', { path: ['schema'] });
  return parsers[format](source);
}

/** @throws LinewardError SCHEMA_INVALID for a schema language that the registry does not know. */
export function readSchemaFormat(value: unknown): SchemaFormat {
  if (value === undefined || value === null || value === '') return 'AVRO';
  const found = schemaFormats.find((format) => format === value);
  if (found === undefined) {
    throw new LinewardError('SCHEMA_INVALID', `schemaType: must be one of ${schemaFormats.join(', ')}`, {
      path: ['schemaType'],
    });
  }
  return found;
}
