import { createHash } from 'node:crypto';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, test } from 'vitest';
import { protectionMark } from '../../../src/domain/privacy/plan-mark.ts';
import { ContentMarks } from '../../../src/services/lake/content-marks.ts';
import { tester } from '../../testkit/actor.ts';
import { testDatabase } from '../../testkit/database.ts';
import { compiled, type Row, rowsOfFile, talkTransformer, transformEngine } from '../../testkit/transform.ts';
import { mappedTopic, ran, runParts, runRoot, topicOf, transformerOf } from '../../testkit/transform-runs.ts';
import { message } from './messages.ts';

let engine: Awaited<ReturnType<typeof transformEngine>>;
beforeAll(async () => {
  engine = await transformEngine();
});
afterAll(() => engine.close());

const mark = JSON.stringify({ to: { '': { semanticType: "phone'number", action: 'REDACT' } } });
const row = (id: string, updated: string, to: string): Row => ({
  message_id: id,
  account_sid: 'AC1',
  date_created: '2018-06-04T10:00:00Z',
  date_updated: updated,
  to,
});

test.each(['parquet', 'avro', 'ndjson'])('rows of a protected file of %s stay among themselves', async (format) => {
  const base = JSON.parse(talkTransformer);
  const codec = format === 'parquet' ? 'zstd' : format === 'avro' ? 'deflate' : 'none';
  const table = engine.table(compiled({ ...base, resource: { ...base.resource, format, codec, path: 'data/t' } }));
  await table.run([row('M1', '2018-07-01', '***'), row('M2', '2018-07-01', '***'), row('M3', '2018-07-01', '***')]);
  table.files = table.files.map((file) => ({ ...file, mark }));
  await table.run([row('M2', '2018-07-02', '+2'), row('M4', '2018-07-02', '+4')]);
  const found = await Promise.all(
    table.files.map(async (file) => {
      const tos = (await rowsOfFile(file.path, format)).map(({ to }) => to);
      // The format of a file is what its name tells.
      const named = `${file.path}.${format}`;
      await copyFile(file.path, named);
      const { metadata } = await engine.engine.profile({ path: named });
      return { tos, mark: file.mark, said: metadata[protectionMark] };
    }),
  );
  const isSaid = format !== 'ndjson';
  expect(found.toSorted((a, b) => String(a.tos[0]).length - String(b.tos[0]).length)).toEqual([
    { tos: ['+2', '+4'], mark: null, said: undefined },
    { tos: ['***', '***'], mark, said: isSaid ? mark : undefined },
  ]);
  // A third run touches the file of its own kind alone.
  const before = table.files.filter((file) => file.mark !== null);
  await table.run([row('M5', '2018-07-03', '+5')]);
  expect(table.files.filter((file) => file.mark !== null)).toEqual(before);
  expect(table.files).toHaveLength(2);
});

it('is known of lines by what is kept of their content', async () => {
  const [db, place] = [await testDatabase(), await runRoot()];
  const { name } = await mappedTopic(db.em);
  const merge = { combine: [{ name: 'segments', with: 'max' }] };
  const runOf = async (rows: readonly Row[], transformerId?: string) => {
    const parts = await runParts(db.em, place.root, { kafka: topicOf(rows) });
    const id =
      transformerId ??
      (await transformerOf(parts, name, { merge, resource: { format: 'ndjson', indexing: undefined } })).transformerId;
    const run = await ran(db.em, parts, (await parts.runs.request(tester, id, 'INCREMENTAL')).id);
    await parts.close();
    const files = (run.outputs?.files ?? []).map(({ path }) => path);
    return { id, files };
  };
  const digest = async (path: string) =>
    createHash('sha256')
      .update(await readFile(join(place.root, 'lake', path)))
      .digest('hex');
  const marks = new ContentMarks(db.em);
  try {
    const first = [1, 2, 3].map((n) => message(n, 1));
    const { id, files } = await runOf(first);
    await marks.put(await digest(files[0] ?? ''), { [protectionMark]: mark });
    const next = await runOf([...first, message(2, 2), message(9, 2)], id);
    const known = await Promise.all(
      next.files.map(async (path) => (await marks.of(await digest(path)))[protectionMark]),
    );
    expect(known.toSorted()).toEqual([mark, undefined].toSorted());
  } finally {
    await db.close();
    await place.remove();
  }
});
