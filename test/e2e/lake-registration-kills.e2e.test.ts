import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DuckdbEngine } from '../../src/adapters/lake/duckdb/duckdb-engine.ts';
import { LocalLakeStore } from '../../src/adapters/store/local/local-store.ts';
import { LinewardError } from '../../src/errors/lineward-error.ts';
import type { LakeEngine } from '../../src/services/lake/ports.ts';
import { TableRegistrar } from '../../src/services/lake/table-registrar.ts';
import { RegistryReadModel } from '../../src/services/registry/registry.read-model.ts';
import { SearchEntries } from '../../src/services/registry/search-entries.ts';
import { type Data, documentOf, register, type TestApp, testApp } from '../testkit/app.ts';
import { around } from '../testkit/lake.ts';
import { clickFields, clicks, plainDuckdb } from '../testkit/plain-table.ts';

let app: TestApp;
let temp: string;
let engine: DuckdbEngine;
let entityId: string;
const files = 300;

beforeAll(async () => {
  // Nobody works here but the registrars of the tests.
  app = await testApp({ LINEWARD_ROLES: 'api' });
  temp = await mkdtemp(join(tmpdir(), 'lineward-registrar-'));
  engine = new DuckdbEngine({ memoryLimitMb: 256, threads: 2, timeoutMs: 60_000, tempDir: temp });
  const { registerEntityVersion } = await app.done(register, { input: { document: documentOf('Click', clickFields) } });
  entityId = registerEntityVersion.entity.id;
  const one = join(temp, 'one.parquet');
  await plainDuckdb(`COPY (${clicks(10)}) TO '${one}' (FORMAT parquet)`);
  for (const table of ['killed', 'twice', 'gone', 'odd [1] * names']) {
    const folder = join(app.lakeRoot, table, 'day=1');
    await mkdir(folder, { recursive: true });
    const count = table === 'killed' ? files : 3;
    for (let n = 0; n < count; n += 1) await copyFile(one, join(folder, `part [${n}] * ?.parquet`));
  }
});
afterAll(async () => {
  await engine?.close();
  await app?.stop();
  await rm(temp, { recursive: true, force: true });
});

const registrar = (hook: (verb: string, call: () => unknown) => unknown = (_verb, call) => call()): TableRegistrar => {
  const { em } = app;
  const registry = new RegistryReadModel({ em, searchEntries: new SearchEntries({ em }) });
  const store = new LocalLakeStore({ root: app.lakeRoot });
  return new TableRegistrar({ em, store, registry, engine: around<LakeEngine>(engine, hook) });
};
const requested = async (location: string): Promise<string> => {
  const { registerLakeTable } = await app.done(
    `mutation ($input: RegisterLakeTableInput!) { registerLakeTable(input: $input) { userErrors { code } registration { id } } }`,
    { input: { entityId, location, accountField: 'account', subjectFields: ['person'] } },
  );
  return Buffer.from(registerLakeTable.registration.id, 'base64url').toString().split(':')[1] ?? '';
};
const rowOf = async (id: string): Promise<Data> =>
  (await app.em.fork().execute<Data[]>('select * from lake_registration where id = ?', [id]))[0];
const filesOf = async (location: string): Promise<Data[]> =>
  app.em
    .fork()
    .execute('select f.rows from lake_file f join lake_table t on t.id = f.table_id where location = ?', [location]);
const run = (signal = new AbortController().signal) => ({ signal, report: async () => undefined });

describe('a registration', () => {
  test('that ended half way is begun anew, and once', async () => {
    const id = await requested('killed');
    let surveys = 0;
    const dying = registrar((verb, call) => {
      if (verb === 'survey') surveys += 1;
      if (surveys > 1) throw new LinewardError('LAKE_ENGINE_FAILED', 'the process is gone');
      return call();
    });
    await expect(dying.run(id, run())).rejects.toMatchObject({ code: 'LAKE_ENGINE_FAILED' });
    expect(await rowOf(id)).toMatchObject({ status: 'PROFILING', files_done: '256', files_total: String(files) });
    expect(await filesOf('killed')).toEqual([]);
    await registrar().run(id, run());
    expect(await rowOf(id)).toMatchObject({
      status: 'REGISTERED',
      files_done: String(files),
      profile: { rows: 3_000 },
    });
    await registrar().run(id, run());
    expect(await filesOf('killed')).toHaveLength(files);
  });

  test('that two workers have makes one table, and the later end changes nothing', async () => {
    const id = await requested('twice');
    await Promise.all([registrar().run(id, run()), registrar().run(id, run())]);
    expect(await rowOf(id)).toMatchObject({ status: 'REGISTERED', code: null });
    expect(await filesOf('twice')).toHaveLength(3);
    await registrar().refuse(id, new LinewardError('LAKE_TABLE_EMPTY'));
    expect(await rowOf(id)).toMatchObject({ status: 'REGISTERED', code: null });
  });

  test('stops when the worker does, and goes on later', async () => {
    const id = await requested('gone');
    const stopping = new AbortController();
    stopping.abort();
    await expect(registrar().run(id, run(stopping.signal))).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await rowOf(id)).toMatchObject({ status: 'PROFILING' });
    await rm(join(app.lakeRoot, 'gone'), { recursive: true });
    await expect(registrar().run(id, run())).rejects.toMatchObject({ code: 'LAKE_TABLE_EMPTY' });
  });

  test('takes names for names, whatever pattern they look like', async () => {
    const id = await requested('odd [1] * names');
    await registrar().run(id, run());
    expect(await rowOf(id)).toMatchObject({
      status: 'REGISTERED',
      profile: { files: 3, rows: 30, unreadableFiles: 0 },
    });
  });
});
