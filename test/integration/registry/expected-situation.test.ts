import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SemanticTypeReadModel } from '../../../src/services/privacy/semantic-type.read-model.ts';
import { catalogSteps } from '../../../src/services/registry/catalog-writes.ts';
import { CompatibilityService } from '../../../src/services/registry/compatibility.service.ts';
import { RegistrySettingsService } from '../../../src/services/registry/registry-settings.service.ts';
import { SchemaStore } from '../../../src/services/registry/schema-store.ts';
import { SubjectService } from '../../../src/services/registry/subject.service.ts';
import { SubjectDeletionService } from '../../../src/services/registry/subject-deletion.service.ts';
import { type VersionToWrite, versionStatement } from '../../../src/services/registry/version-statement.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

// Two processes over one database: each remembers what it has met, and neither hears of what the other does.
let database: TestDatabase;
let here: SubjectService;
let there: SubjectService;
let settings: RegistrySettingsService;

function service(): SubjectService {
  const { em } = database;
  const schemaStore = new SchemaStore({ em });
  const compatibility = new CompatibilityService({ em, schemaStore });
  return new SubjectService({ em, schemaStore, compatibility, semanticTypes: new SemanticTypeReadModel({ em }) });
}

beforeAll(async () => {
  database = await testDatabase();
  here = service();
  there = service();
  settings = new RegistrySettingsService({ em: database.em });
});
afterAll(() => database?.close());

let made = 0;
const text = (): string => {
  made += 1;
  return JSON.stringify({ type: 'fixed', name: `F${made}`, size: 8 });
};
const register = (service: SubjectService, name: string, schema = text(), context = '.') =>
  service.register(
    tester,
    { context, name },
    {
      ...{ format: 'AVRO', text: schema, references: [], metadata: null, ruleSet: null },
      ...{ normalize: false, id: null, version: null },
    },
  );
const execute = (sql: string) => database.em.fork().execute(sql);
const audited = async (): Promise<number> =>
  (await execute(`select 1 from audit_event where action = 'registerSchema'`)).length;

describe('a subject that a process has not met', () => {
  it('keeps the version that another process gave it', async () => {
    await register(here, 'first');
    const schema = text();
    const known = await register(there, 'met-there', schema);
    const before = await audited();
    expect(await register(here, 'met-there', schema)).toMatchObject({ version: 1, schema: { id: known.schema.id } });
    expect(await audited()).toBe(before);
    const next = JSON.stringify({ ...JSON.parse(schema), aliases: ['Other'] });
    expect(await register(here, 'met-there', next)).toMatchObject({ version: 2 });
  });

  it('shares the schema of another subject, without a number that nobody has', async () => {
    const schema = text();
    const { schema: one } = await register(here, 'sharing-a', schema);
    const { schema: other } = await register(here, 'sharing-b', schema);
    expect(other.id).toBe(one.id);
    expect((await register(here, 'sharing-c')).schema.id).toBe(one.id + 1);
  });

  it('is one version of one schema when it comes from everywhere at once', async () => {
    const schema = text();
    const all = await Promise.all(
      Array.from({ length: 16 }, (_, index) => register(index % 2 ? here : there, 'at-once', schema)),
    );
    expect(new Set(all.map(({ version, schema: { id } }) => `${version}/${id}`)).size).toBe(1);
    expect(await execute(`select 1 from subject_version where subject = 'at-once'`)).toHaveLength(1);
  });

  it('is refused by a mode, and by rules, that another process has just set, and taken when they are gone', async () => {
    const all = { context: '.', name: '' };
    await register(here, 'before-mode');
    await settings.changeMode(tester, all, 'READONLY', false);
    await expect(register(here, 'while-readonly')).rejects.toMatchObject({ code: 'REGISTRY_NOT_PERMITTED' });
    await settings.changeMode(tester, all, 'READWRITE', false);
    expect(await register(here, 'while-readonly')).toMatchObject({ version: 1 });

    await settings.changeConfig(tester, all, { defaultMetadata: { properties: { owner: 'all' } } });
    expect((await register(here, 'with-metadata')).schema.metadata).toEqual({ properties: { owner: 'all' } });
    await settings.deleteConfig(tester, all);
    expect((await register(here, 'without-metadata')).schema.metadata).toBeNull();
  });

  it('is taken in a context that was removed meanwhile', async () => {
    const deletion = new SubjectDeletionService({ em: database.em });
    await register(here, 'a', text(), '.gone');
    await deletion.deleteSubject(tester, { context: '.gone', name: 'a' }, false);
    await deletion.deleteSubject(tester, { context: '.gone', name: 'a' }, true);
    await deletion.deleteContext(tester, '.gone');
    expect(await register(here, 'b', text(), '.gone')).toMatchObject({ version: 1 });
  });
});

it('plans made while all is empty find a schema and a version by what is theirs alone, not by reading all', async () => {
  const version: VersionToWrite = {
    subject: { context: '.', name: 'planned' },
    ...{ version: 1, givenText: '', id: null, state: null, around: '', at: new Date() },
    content: { format: 'AVRO', text: '', references: [], metadata: null, ruleSet: null },
  };
  const statement = versionStatement('planned', version, [catalogSteps]);
  const plan = JSON.stringify(await execute(`explain (generic_plan) ${statement.numbered}`));
  expect(plan).toMatch(/schema_identity_context_key on schema [^[]*?Index Cond: \(identity = \$\d+\)"/);
  expect(plan).toMatch(/on entity_version [^[]*?Index Cond: \(\(entity_id = entity.id\) AND \(fingerprint = \$\d+\)\)/);
  expect(plan).not.toMatch(/schema_pkey|Seq Scan/);
});
