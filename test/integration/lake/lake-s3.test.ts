import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../../testkit/database.ts';
import {
  erasureTarget,
  executionContext,
  type LakeParts,
  landMessages,
  type Message,
  messageTable,
  planOf,
  retain,
} from '../../testkit/lake.ts';
import { type LakePlace, lakePlace } from '../../testkit/lake-place.ts';
import { bucketPrefix, missingS3, type TestBucket } from '../../testkit/s3.ts';

const missing = await missingS3();

describe.skipIf(missing !== null)(`lake tables in S3${missing === null ? '' : ` (${missing})`}`, () => {
  let place: LakePlace;
  let db: TestDatabase;
  let root: string;
  let bucket: TestBucket;
  let parts: LakeParts;
  beforeAll(async () => {
    place = await lakePlace('bucket');
    ({ db, root, parts } = place);
    bucket = place.bucket as TestBucket;
  });
  afterAll(() => place?.close());

  /** The first day is of the erased account alone: its file is removed. The two others are rewritten. */
  const messages: readonly Message[] = [
    { account: 'AC0', to: '+1', day: '2018-06-01' },
    ...Array.from({ length: 20 }, (_, n) => ({ account: `AC${n % 3}`, to: `+${n}`, day: `2018-06-0${2 + (n % 2)}` })),
  ];
  const keep = [{ accountId: 'AC0', subject: { field: 'to', value: '+3' } }];
  const selection = { act: [{ accountId: 'AC0' }], keep };
  const filled = async () => {
    const made = await messageTable(parts);
    await landMessages(parts, made, messages);
    return { table: made.table, target: await erasureTarget(db.em, made.table) };
  };
  const versionsOf = (location: string) => bucket.versions(`${bucketPrefix}/${location}/`);

  it('plans, erases and proves, and every older version is gone', async () => {
    const { table, target } = await filled();
    expect(await planOf(parts, table, selection)).toMatchObject({ action: 'REWRITE', files: 3, records: 7 });
    const receipt = await parts.executor.execute(executionContext({ table, ...target, selection }));
    expect(receipt).toMatchObject({ recordsErased: 7, filesRewritten: 2, filesRemoved: 1, open: [], residues: [] });
    const verified = await parts.executor.verify(executionContext({ table, ...target, selection, fencingToken: 2 }));
    expect(verified).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 14, open: [] });
    const versions = await versionsOf(table.location);
    expect(versions.some(({ isMarker }) => isMarker)).toBe(false);
    const keys = versions.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.filter((key) => key.includes('/2018/'))).toHaveLength(2);
    expect(await readdir(join(root, 'scratch/reading'))).toEqual([]);
  });

  it('removes what is older than a rule allows, with every older version', async () => {
    const { table, target } = await filled();
    await retain(db.em, table, 30);
    const limit = { dateField: 'date_created', days: 30, before: '2018-06-03' };
    const run = { table, ...target, limit, selection: { everyone: true, act: [], keep } };
    const receipt = await parts.executor.execute(executionContext(run));
    expect(receipt).toMatchObject({ recordsErased: 11, filesRemoved: 2, filesRewritten: 0, open: [], residues: [] });
    const verified = await parts.executor.verify(executionContext({ ...run, fencingToken: 2 }));
    expect(verified).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 10, open: [] });
    const data = (await versionsOf(table.location)).filter(({ key }) => key.includes('/2018/'));
    expect(data).toMatchObject([{ key: expect.stringContaining('/2018/06/03/'), isMarker: false }]);
  });

  it('changes values in place, once', async () => {
    const { table, target } = await filled();
    const everyone = { everyone: true, act: [], keep };
    const run = { table, ...target, selection: everyone, transforms: true };
    expect(await parts.executor.execute(executionContext(run))).toMatchObject({
      recordsChanged: 20,
      filesRewritten: 3,
    });
    expect(await parts.executor.execute(executionContext({ ...run, fencingToken: 2 }))).toMatchObject({
      recordsChanged: 20,
    });
    expect((await parts.store.olderVersions(table.location)).length).toBe(0);
  });

  it('verifies by what was approved, and by nothing else', async () => {
    const { table, target } = await filled();
    const run = { table, ...target, selection: { everyone: true, act: [], keep }, transforms: true };
    await parts.executor.execute(executionContext(run));
    const context = executionContext({ ...run, fencingToken: 2 });
    expect(await parts.executor.verify(context)).toMatchObject({ lost: 0 });
    const planned = { ...context.planned, manifest: [{ transformation: 'whisper' }] };
    await expect(parts.executor.verify({ ...context, planned })).rejects.toMatchObject({ code: 'PLAN_CHANGED' });
  });

  it('names older versions of files that it did not touch, since nobody searched them', async () => {
    const { table, target } = await filled();
    const [file] = await parts.store.list(table.location);
    const bytes = await parts.store.reading([file?.path ?? ''], ([local = '']) => readFile(local));
    for (let time = 0; time < 2; time += 1) await place.put(table, '2018/06/09/foreign.parquet', bytes);
    const nobody = { act: [{ accountId: 'AC9' }], keep: [] };
    await parts.executor.execute(executionContext({ table, ...target, selection: nobody }));
    const { open } = await parts.executor.verify(
      executionContext({ table, ...target, selection: nobody, fencingToken: 2 }),
    );
    expect(open).toMatchObject([{ code: 'OLDER_VERSIONS', reason: expect.stringContaining('foreign.parquet') }]);
  });
});
