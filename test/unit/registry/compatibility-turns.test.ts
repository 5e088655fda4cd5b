import { expect, it } from 'vitest';
import { parseSchema } from '../../../src/domain/registry/parse-schema.ts';
import { CompatibilityService } from '../../../src/services/registry/compatibility.service.ts';
import { SchemaStore } from '../../../src/services/registry/schema-store.ts';
import type { SubjectVersion } from '../../../src/services/registry/subject-rows.ts';

// Schemas without references are read without the database.
const em = null as never;

const versionOf = (version: number, text: string): SubjectVersion => {
  const content = { format: 'AVRO', text, references: [], metadata: null, ruleSet: null } as const;
  const createdAt = new Date(0);
  const schema = { ...content, context: '.', id: version, guid: '', identity: '', createdAt };
  return { subject: { context: '.', name: 's' }, version, deleted: false, createdAt, schema };
};

it('a comparison with many versions lets others have their turn after each', async () => {
  const service = new CompatibilityService({ em, schemaStore: new SchemaStore({ em }) });
  const versions = Array.from({ length: 50 }, (_, index) => versionOf(50 - index, '"int"'));
  const candidate = { parsed: parseSchema('AVRO', { text: '"long"', references: [] }), metadata: null };
  let turns = 0;
  let isRunning = true;
  const take = (): void => {
    turns += 1;
    if (isRunning) setImmediate(take);
  };
  setImmediate(take);
  const config = { compatibilityLevel: 'BACKWARD_TRANSITIVE' } as const;
  expect(await service.conflictWith(versions, candidate, config, em)).toBeNull();
  isRunning = false;
  expect(turns).toBeGreaterThanOrEqual(49);
  const broken = [...versions, versionOf(51, '"string"')];
  expect(await service.conflictWith(broken, candidate, config, em)).toMatchObject({ version: 51 });
});
