import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SemanticTypeReadModel } from '../../../src/services/privacy/semantic-type.read-model.ts';
import { CompatibilityService } from '../../../src/services/registry/compatibility.service.ts';
import { SchemaStore } from '../../../src/services/registry/schema-store.ts';
import { SubjectService } from '../../../src/services/registry/subject.service.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

let database: TestDatabase;
let subjects: SubjectService;

beforeAll(async () => {
  database = await testDatabase();
  const { em } = database;
  const schemaStore = new SchemaStore({ em });
  const compatibility = new CompatibilityService({ em, schemaStore });
  subjects = new SubjectService({ em, schemaStore, compatibility, semanticTypes: new SemanticTypeReadModel({ em }) });
});
afterAll(() => database?.close());

const register = (context: string, name: string, { record = name, field = 'id' } = {}) =>
  subjects.register(
    tester,
    { context, name },
    {
      format: 'AVRO',
      text: JSON.stringify({
        type: 'record',
        name: record,
        namespace: 'Lock',
        fields: [{ name: field, type: 'string' }],
      }),
      ...{ references: [], metadata: null, ruleSet: null, normalize: false, id: null, version: null },
    },
  );
const execute = (sql: string) => database.em.fork().execute(sql);

describe('a registration in the default context', () => {
  it('waits for nobody who has the row of the context', async () => {
    await database.em.fork().transactional(async (tx) => {
      await tx.execute(`select 1 from registry_context where name = '.' for update`);
      await register('.', 'Free');
    });
    expect(await execute(`select 1 from subject_version where subject = 'Free'`)).toHaveLength(1);
  });

  it('writes the entity once, with its latest version, and again with the next', async () => {
    await register('.', 'Once');
    const latest = () =>
      execute(
        `select number from entity join entity_version on entity_version.id = latest_version_id where name = 'Once'`,
      );
    expect(await latest()).toEqual([{ number: 1 }]);
    // Another text under another subject: the next version of the same entity.
    await register('.', 'Once-2', { record: 'Once', field: 'other' });
    expect(await latest()).toEqual([{ number: 2 }]);
  });
});

describe('a context', () => {
  it('that is the default one is never taken away or renamed', async () => {
    await expect(execute(`delete from registry_context where name = '.'`)).rejects.toThrow('default context');
    await expect(execute(`update registry_context set name = 'x' where name = '.'`)).rejects.toThrow('default context');
  });

  it('that is another one stays while something is in it, and must be there before', async () => {
    await register('.other', 'Kept');
    await expect(execute(`delete from registry_context where name = '.other'`)).rejects.toThrow('foreign key');
    await expect(execute(`insert into registry_subject (context, name) values ('.none', 'a')`)).rejects.toThrow(
      'foreign key',
    );
  });
});
