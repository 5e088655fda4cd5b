import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalLakeStore } from '../../../src/adapters/store/local/local-store.ts';
import { newId } from '../../../src/domain/id.ts';
import type { LakeColumn } from '../../../src/domain/lake/lake-column.ts';
import { LakeReadModel } from '../../../src/services/lake/lake.read-model.ts';
import { LakeTableService } from '../../../src/services/lake/lake-table.service.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

let db: TestDatabase;
let root: string;
let store: LocalLakeStore;
beforeAll(async () => {
  db = await testDatabase();
  root = await mkdtemp(join(tmpdir(), 'lineward-table-'));
  store = new LocalLakeStore({ root });
});
afterAll(async () => {
  await db.close();
  await rm(root, { recursive: true, force: true });
});

describe('registering a lake table', () => {
  const columns: readonly LakeColumn[] = [{ name: 'account_sid', type: 'VARCHAR' }];
  const input = (entityName: string) => {
    const version = { major: 1, minor: 0 };
    return { namespace: 'file', area: 'demo', entityName, version, dateField: 'date_created', columns };
  };
  const ensure = (from: ReturnType<typeof input>) =>
    db.em.fork().transactional((tx) => new LakeTableService({ store }).ensureTableIn(tx, from));

  it('answers the same table again, adds new columns, and refuses a changed type', async () => {
    const from = input(`Demo.${newId()}`);
    const made = await ensure(from);
    const more = [...columns, { name: 'n', type: 'BIGINT' } satisfies LakeColumn];
    expect(await ensure({ ...from, columns: more })).toMatchObject({ id: made.id, columns: more });
    const summaries = await new LakeReadModel({ em: db.em }).summaryOfDatasets([made.datasetId, newId()]);
    expect([...summaries]).toMatchObject([[made.datasetId, { location: made.location, files: 0, rows: 0 }]]);
    await expect(ensure({ ...from, columns: [{ name: 'account_sid', type: 'BIGINT' }] })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });

  it.each([
    ['_delta_log/0.json', 'Delta Lake'],
    ['.hoodie/hoodie.properties', 'Apache Hudi'],
    ['metadata/v1.metadata.json', 'Apache Iceberg'],
  ])('refuses a directory with %s', async (marker, engine) => {
    const from = input(`Demo.${newId()}`);
    const path = store.stagingPath(`data/demo/${from.entityName}/v1.0/by_date_created_ymd/parquet/${marker}`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, '{}');
    await expect(ensure(from)).rejects.toMatchObject({
      code: 'LAKE_TABLE_REFUSED',
      message: expect.stringContaining(engine),
    });
  });
});
