import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { TransformRunSchema } from '../../../src/entities/transform-run.entity.ts';
import { tester } from '../../testkit/actor.ts';
import { around } from '../../testkit/lake.ts';
import { sourceFormats, writeSource } from '../../testkit/source-files.ts';
import type { Row } from '../../testkit/transform.ts';
import {
  documentOf,
  localized,
  mappedTopic,
  type RunDocument,
  type RunParts,
  ran,
  tableRows,
  topicSource,
  transformerOf,
} from '../../testkit/transform-runs.ts';
import { killed, type RunKill } from './killed-run.ts';
import { erased, expectedTable, leaseOf, message } from './messages.ts';
import { runSuite } from './run-suite.ts';

const suite = runSuite();

const { partsOf, requested, failed } = suite;
const filesSource = (name: string, path: string, format = 'ndjson', more: object = {}) => ({
  files: {
    path,
    format,
    schema: { namespace: 'Demo', entity: name },
    account: 'account_sid',
    subjects: ['to'],
    ...more,
  },
  ...localized,
});
const issuesOf = async (parts: RunParts, name: string, more: RunDocument): Promise<string[]> =>
  (await parts.service.validate(tester, { document: documentOf(name, more), orders: {} })).map(
    ({ path, code }) => `${path} ${code}`,
  );

const first = Array.from({ length: 12 }, (_, n) => message(n, 1));
const second = Array.from({ length: 7 }, (_, n) => message(n, 2));

describe('files and a topic', () => {
  it('make one table, each file once, whatever its format', async () => {
    const { name } = await mappedTopic(suite.em);
    const batches = [
      first,
      second,
      ...[3, 4, 5].map((batch) => Array.from({ length: 5 }, (_, n) => message(n, batch))),
    ];
    const parts = await partsOf(batches[4]);
    for (const [index, format] of sourceFormats.entries())
      await writeSource(suite.root, `in/${name}/${format}/a.${format}`, format, batches[index] ?? []);
    const files = sourceFormats.map((format) => filesSource(name, `in/${name}/${format}`, format));
    const { transformerId, location } = await transformerOf(parts, name, { sources: [topicSource(name), ...files] });
    const done = await ran(suite.em, parts, await requested(parts, transformerId));
    expect(done).toMatchObject({ status: 'COMPLETED', statistics: { read: batches.flat().length, rejected: 0 } });
    expect(await tableRows(suite.root, location)).toEqual(expectedTable(batches.flat()));
    const again = await ran(suite.em, parts, await requested(parts, transformerId));
    expect(again).toMatchObject({ status: 'COMPLETED', plan: { files: [] }, statistics: { read: 0, filesWritten: 0 } });
    const late = Array.from({ length: 3 }, (_, n) => message(n, 6));
    await writeSource(suite.root, `in/${name}/ndjson/b.ndjson.gz`, 'ndjson', late);
    await ran(suite.em, parts, await requested(parts, transformerId));
    expect(await tableRows(suite.root, location)).toEqual(expectedTable([...batches.flat(), ...late]));
  });

  it('that are damaged in places are told of by line, and the rest is taken', async () => {
    const { name } = await mappedTopic(suite.em);
    const parts = await partsOf();
    await mkdir(join(suite.root, `lake/in/${name}`), { recursive: true });
    const good = JSON.stringify(message(1, 1));
    await writeFile(
      join(suite.root, `lake/in/${name}/a.ndjson`),
      `${good}\n\n{"message_id": \n[1]\n${JSON.stringify({ ...message(2, 1), date_created: 'soon' })}`,
    );
    await writeFile(
      join(suite.root, `lake/in/${name}/a.csv`),
      'message_id,account_sid,date_created,segments\nM8,AC0,2018-06-01,1\nM9,AC1\n',
    );
    const sources = [filesSource(name, `in/${name}/*.ndjson`), filesSource(name, `in/${name}/*.csv`, 'csv')];
    const { transformerId, location } = await transformerOf(parts, name, { sources });
    const run = await ran(suite.em, parts, await requested(parts, transformerId));
    expect(run).toMatchObject({ status: 'COMPLETED', statistics: { rows: 2, rejected: 4 } });
    const rejects = await suite.em
      .fork()
      .execute('select source, code, places from transform_reject where run_id = ? order by source, code', [run.id]);
    expect(rejects).toEqual([
      { source: 0, code: 'DATE_UNREADABLE', places: [`in/${name}/a.ndjson:5`] },
      { source: 0, code: 'UNREADABLE', places: [`in/${name}/a.ndjson:3`, `in/${name}/a.ndjson:4`] },
      { source: 1, code: 'UNREADABLE', places: [`in/${name}/a.csv:3`] },
    ]);
    expect(Object.values(await tableRows(suite.root, location)).flat()).toHaveLength(2);
  });

  it('give one table in whatever order and files the rows come', async () => {
    const { name } = await mappedTopic(suite.em);
    const parts = await partsOf();
    const rows = [...first, ...second, ...Array.from({ length: 9 }, (_, n) => message(n * 2, 3))];
    const tables: unknown[] = [];
    for (const [round, count] of [1, 2, 5].entries()) {
      const mixed = rows.toSorted((a, b) => (hash(a, round) < hash(b, round) ? -1 : 1));
      const each = Math.ceil(mixed.length / count);
      const sources = [filesSource(name, `in/${name}-${round}/**/*.ndjson`)];
      const made = await transformerOf(parts, name, { sources, as: `${name}-${round}` });
      for (let file = 0; file < count; file += 1) {
        await writeSource(
          suite.root,
          `in/${name}-${round}/${file % 2}/${9 - file}.ndjson`,
          'ndjson',
          mixed.slice(file * each, (file + 1) * each),
        );
        // Half of them come in a run of their own.
        if (file % 2 === 1) await ran(suite.em, parts, await requested(parts, made.transformerId));
      }
      await ran(suite.em, parts, await requested(parts, made.transformerId));
      tables.push(await tableRows(suite.root, made.location));
    }
    expect(tables).toEqual([0, 1, 2].map(() => expectedTable(rows)));
  });
});

const hash = (row: Row, salt: number): string => newHash(`${row.message_id}${row.date_updated}${salt}`);
const newHash = (text: string): string =>
  String([...text].reduce((sum, char) => (sum * 31 + (char.codePointAt(0) ?? 0)) % 1_000_003, 7)).padStart(7, '0');

const kills: readonly (RunKill & { readonly stage: string })[] = [
  { stage: 'REQUESTED', port: 'store', verb: 'list', when: 'after', nth: 1 },
  { stage: 'READING', port: 'engine', verb: 'extract', when: 'after', nth: 2 },
  { stage: 'MERGING', port: 'engine', verb: 'merge', when: 'after', nth: 1 },
  { stage: 'PUBLISHING', port: 'store', verb: 'publish', when: 'after', nth: 2 },
  { stage: 'SETTLING', port: 'store', verb: 'removeIf', when: 'after', nth: 1 },
];

describe('a run over files', () => {
  it.each(kills)('that is killed while $stage takes each of them exactly once', async ({ stage, ...kill }) => {
    const { name } = await mappedTopic(suite.em);
    const parts = await partsOf();
    const sources = [filesSource(name, `in/${name}`)];
    await writeSource(suite.root, `in/${name}/1.ndjson`, 'ndjson', first);
    const { transformerId, location } = await transformerOf(parts, name, { sources });
    await ran(suite.em, parts, await requested(parts, transformerId));
    await writeSource(suite.root, `in/${name}/2.ndjson`, 'ndjson', second);
    await writeSource(suite.root, `in/${name}/0.ndjson.gz`, 'ndjson', second);
    const runId = await requested(parts, transformerId);
    expect(await killed({ url: suite.url, root: suite.root, runId, rows: [], kill })).toBe('SIGKILL');
    const { status } = await suite.em.fork().findOneOrFail(TransformRunSchema, { id: runId });
    expect(status).toBe(stage);
    expect(await ran(suite.em, parts, runId)).toMatchObject({ status: 'COMPLETED' });
    expect(await tableRows(suite.root, location)).toEqual(expectedTable([...first, ...second, ...second]));
    const again = await ran(suite.em, parts, await requested(parts, transformerId));
    expect(again).toMatchObject({ status: 'COMPLETED', statistics: { read: 0, filesWritten: 0 } });
  });

  it.each(['is gone', 'was changed'])('ends clearly, with nothing half done, when one %s on the way', async (what) => {
    const { name } = await mappedTopic(suite.em);
    const path = `in/${name}/2.ndjson`;
    const parts = await partsOf([], {
      engine: (engine) =>
        around(engine, async (verb, call) => {
          const result = await call();
          // The second is touched once the first is read.
          if (verb === 'extract' && what === 'is gone') await rm(join(suite.root, 'lake', path), { force: true });
          else if (verb === 'extract') await writeSource(suite.root, path, 'ndjson', first);
          return result;
        }),
    });
    await writeSource(suite.root, `in/${name}/1.ndjson`, 'ndjson', first);
    await writeSource(suite.root, path, 'ndjson', second);
    const { transformerId, location } = await transformerOf(parts, name, {
      sources: [filesSource(name, `in/${name}`)],
    });
    const fault = await failed(parts, await requested(parts, transformerId));
    expect(fault).toMatchObject({ code: 'TRANSFORMER_STATE', message: expect.stringContaining(`${path} ${what}`) });
    expect(await tableRows(suite.root, location)).toEqual({});
    const calm = await partsOf();
    await ran(suite.em, calm, await requested(calm, transformerId));
    const rows = what === 'is gone' ? first : [...first, ...first];
    expect(await tableRows(suite.root, location)).toEqual(expectedTable(rows));
  });

  it('does not bring back who was erased, and refuses to count a changed file twice', async () => {
    const { name, entityId } = await mappedTopic(suite.em);
    const parts = await partsOf();
    await erased(suite.em, { accountId: 'AC1', subject: { field: 'to', value: '+1' } }, parts, { entityId });
    await writeSource(suite.root, `in/${name}.ndjson`, 'ndjson', first);
    const { transformerId, location } = await transformerOf(parts, name, {
      sources: [filesSource(name, `in/${name}.ndjson`)],
    });
    const run = await ran(suite.em, parts, await requested(parts, transformerId));
    expect(run.statistics).toMatchObject({ read: 12, suppressed: 1 });
    expect(await tableRows(suite.root, location)).toEqual(expectedTable(first.filter(({ to }) => to !== '+1')));
    await writeSource(suite.root, `in/${name}.ndjson`, 'ndjson', second);
    expect(await failed(parts, await requested(parts, transformerId))).toMatchObject({ code: 'TRANSFORMER_STATE' });
  });
});

describe('a table as a source', () => {
  it('gives what it has now, waits for who rewrites it, and is read on by its files', async () => {
    const { name, entityId } = await mappedTopic(suite.em);
    const parts = await partsOf(first);
    const one = await transformerOf(parts, name, { merge: { combine: [{ name: 'segments', with: 'max' }] } });
    await ran(suite.em, parts, await requested(parts, one.transformerId));
    const merge = { combine: [{ name: 'segments', with: 'max' }] };
    const sources = [{ table: one.location }];
    const two = await transformerOf(parts, name, { sources, as: `${name}-2`, merge });
    const runId = await requested(parts, two.transformerId);
    const lease = await leaseOf(parts, one.datasetId);
    const context = { signal: new AbortController().signal, report: async () => undefined };
    await expect(parts.runner.run(runId, context)).rejects.toMatchObject({ code: 'UPSTREAM_BEHIND' });
    await lease.release();
    await erased(suite.em, { accountId: 'AC1', subject: { field: 'to', value: '+3' } }, parts, {
      entityId,
      status: 'EXECUTING',
    });
    const run = await ran(suite.em, parts, runId);
    expect(run).toMatchObject({ status: 'COMPLETED', statistics: { read: 12, suppressed: 1 } });
    expect(await tableRows(suite.root, two.location)).toEqual(expectedTable(first.filter(({ to }) => to !== '+3')));
    const again = await ran(suite.em, parts, await requested(parts, two.transformerId));
    expect(again).toMatchObject({ statistics: { read: 0, filesWritten: 0 } });
    const [told] = await suite.em
      .fork()
      .execute<{ body: string }[]>(
        `select body from lineage_event where body::jsonb ->> 'eventType' = 'COMPLETE' and body::jsonb #>> '{run,runId}' = ?`,
        [runId],
      );
    const { inputs, outputs } = JSON.parse(told?.body ?? '{}');
    expect(inputs).toMatchObject([{ namespace: 'file', name: one.location }]);
    expect(outputs[0].facets.columnLineage.fields.to.inputFields).toMatchObject([
      { namespace: 'file', name: one.location, field: 'to', transformations: [{ subtype: 'IDENTITY' }] },
    ]);
  });
});

describe('a document is refused', () => {
  test('that reads what is no source, leaves the lake, or makes a table of itself', async () => {
    const { name } = await mappedTopic(suite.em);
    const parts = await partsOf(first);
    const merge = { combine: [{ name: 'segments', with: 'max' }] };
    const made = await transformerOf(parts, name, { merge });
    const with_ = (...sources: object[]) => ({ sources, as: `${name}-x`, merge });
    const issues = (...sources: object[]) => issuesOf(parts, name, with_(...sources));
    await symlink(suite.root, join(suite.root, 'lake/out'));
    expect(await issues({ ...localized })).toEqual(['sources[0] SHAPE']);
    expect(await issues({ table: 'data/nowhere' })).toEqual(['sources[0].table UNKNOWN_TABLE']);
    expect(await issues({ table: `data/${name}-x` })).toEqual(['sources[0].table CYCLE']);
    expect(await issues({ table: '../../etc' })).toEqual(['sources[0].table UNKNOWN_TABLE']);
    expect(await issues(filesSource(name, '../../etc/passwd'))).toEqual(['sources[0].files.path PATH_INVALID']);
    expect(await issues(filesSource(name, '/etc/passwd'))).toEqual(['sources[0].files.path PATH_INVALID']);
    expect(await issues(filesSource(name, 'in/../../x/*'))).toEqual(['sources[0].files.path PATH_INVALID']);
    expect(await issues(filesSource(name, '*/x'))).toEqual(['sources[0].files.path PATH_INVALID']);
    expect(await issues(filesSource(name, 'data/**'))).toEqual(['sources[0].files.path CYCLE']);
    expect(await issues(filesSource(name, `${made.location}/2018`))).toEqual(['sources[0].files.path LOCATION_TAKEN']);
    expect(await issues(filesSource('Nobody', 'in/x'))).toEqual(['sources[0].files.schema UNKNOWN_SCHEMA']);
    expect(await issues(filesSource(name, 'in/x', 'avro', { codec: 'gzip', account: 'who' }))).toEqual([
      'sources[0].files.account UNKNOWN_FIELD',
      'sources[0].files.codec CODEC_UNKNOWN',
      'sources[0] ACCOUNT_MISSING',
    ]);
    expect(await issues({ table: made.location, transforms: [{ type: 'protect' }] })).toEqual([
      'sources[0].transforms[0].type PROTECT_PLACE',
    ]);
    expect(await issuesOf(parts, name, { sources: [{ table: made.location }], as: `${name}-x` })).toEqual([
      'sources[0].table TYPE_CONFLICT',
    ]);
    const outside = await transformerOf(parts, name, { sources: [filesSource(name, 'out/in')], as: `${name}-link` });
    expect(await failed(parts, await requested(parts, outside.transformerId))).toMatchObject({
      code: 'LAKE_TABLE_REFUSED',
    });
  });

  test('whose source is made of what it makes, through another transformer', async () => {
    const { name } = await mappedTopic(suite.em);
    const parts = await partsOf(first);
    const merge = { combine: [{ name: 'segments', with: 'max' }] };
    const one = await transformerOf(parts, name, { merge });
    const two = await transformerOf(parts, name, { sources: [{ table: one.location }], as: `${name}-2`, merge });
    // As if the first table had been taken out of the catalog meanwhile: its dataset is remembered.
    const moved = { sources: [{ table: two.location }], as: `${name}-3`, merge };
    await suite.em.fork().execute('update dataset set name = ? where id = ?', [`data/${name}-3`, one.datasetId]);
    expect(await issuesOf(parts, name, moved)).toEqual(['sources[0].table CYCLE']);
  });

  test('whose sources give one column as different types', async () => {
    const [{ name }, other] = [await mappedTopic(suite.em), await mappedTopic(suite.em)];
    const parts = await partsOf();
    await suite.em
      .fork()
      .execute(
        `update entity_field set type = 'string' where path = 'segments' and version_id = (select latest_version_id from entity where id = ?)`,
        [other.entityId],
      );
    const sources = [filesSource(name, 'in/a'), filesSource(other.name, 'in/b')];
    expect(await issuesOf(parts, name, { sources })).toEqual(['sources[1] TYPE_CONFLICT']);
    const cast = {
      ...filesSource(other.name, 'in/b'),
      transforms: [...localized.transforms, { type: 'cast', fields: { segments: 'long' } }],
    };
    expect(await issuesOf(parts, name, { sources: [sources[0] ?? {}, cast] })).toEqual([]);
  });
});
