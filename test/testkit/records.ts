import { parseSchema } from '../../src/domain/registry/parse-schema.ts';
import type { SchemaFormat } from '../../src/domain/registry/schema-format.ts';
import { LinewardError } from '../../src/errors/lineward-error.ts';
import { RecordReader } from '../../src/services/kafka/record-reader.ts';

export const testGuid = '0188c5a2-7c11-7d3a-9e2b-0123456789ab';

/** A reader of topics over a registry with these schemas: their ids are 1, 2, …, and the first one has a GUID. */
export function recordsOf(...schemas: readonly (readonly [SchemaFormat, string])[]): RecordReader {
  const parsed = schemas.map(([format, text]) => parseSchema(format, { text, references: [] }));
  return new RecordReader({
    gate: {
      schemaNamed: async (name) => {
        const schema = parsed[typeof name === 'number' ? name - 1 : name === testGuid ? 0 : -1];
        if (schema === undefined) throw new LinewardError('SCHEMA_NOT_FOUND');
        return { schemaId: 1, guid: testGuid, schema };
      },
    },
  });
}

/** A reader that knows no schema. */
export const bareRecords = recordsOf();
