import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, test } from 'vitest';
import { TransformRunSchema } from '../../../src/entities/transform-run.entity.ts';
import { tester } from '../../testkit/actor.ts';
import { around } from '../../testkit/lake.ts';
import { plainDuckdb } from '../../testkit/plain-table.ts';
import type { Row } from '../../testkit/transform.ts';
import {
  documentOf,
  mappedTopic,
  type RunParts,
  ran,
  tableRows,
  topicSource,
  transformerOf,
} from '../../testkit/transform-runs.ts';
import { killed } from './killed-run.ts';
import { erased, leaseOf, message } from './messages.ts';
import { runSuite } from './run-suite.ts';

const suite = runSuite();

const { partsOf, requested, failed } = suite;
const completed = async (parts: RunParts, transformerId: string) =>
  ran(suite.em, parts, await requested(parts, transformerId));

/** What the messages say, and the fields that are looked up. */
const added = ['country', 'name'];
const entity = () => mappedTopic(suite.em, added);
const messages = (countries: readonly unknown[]): Row[] => countries.map((country, n) => message(n, 1, { country }));
const withLookup = (name: string, lookup: object) => ({
  sources: [
    {
      ...topicSource(name),
      transforms: [
        { type: 'drop', fields: ['name'] },
        { type: 'lookup', ...lookup },
      ],
    },
  ],
});
const filesOf = (name: string, path: string, format = 'ndjson', more: object = {}) => ({
  files: { path, format, schema: { namespace: 'Demo', entity: name }, ...more },
  on: { country: 'country' },
  fields: { name: 'name' },
});
async function write(path: string, content: string | Buffer): Promise<void> {
  const local = join(suite.root, 'lake', path);
  await mkdir(dirname(local), { recursive: true });
  await writeFile(local, content);
}
const lines = (...rows: readonly Row[]): string => rows.map((row) => JSON.stringify(row)).join('\n');
/** The looked up field of each row of a table, in the order of the key. */
async function names(location: string): Promise<unknown[]> {
  const rows = Object.values(await tableRows(suite.root, location)).flat();
  return rows.toSorted((a, b) => (String(a.message_id) < String(b.message_id) ? -1 : 1)).map((row) => row.name ?? null);
}

const countries = [
  { country: 'DE', name: 'Deutschland, "Bund"' },
  { country: 'PT', name: 'Portugal' },
  { country: '49', name: 'a code' },
];

describe('rows get fields of a lookup', () => {
  it('in files of each format, by the text of their keys', async () => {
    const { name } = await entity();
    await write(
      `ref/${name}.csv`,
      `country,name\nDE,"Deutschland, ""Bund"""\nPT,Portugal\n49,a code\n,nobody\n,none\n`,
    );
    const rows = lines(...countries.slice(0, 2), { country: 49, name: 'a code' }, { name: 'nobody' });
    await write(`ref/${name}.ndjson.gz`, gzipSync(rows));
    const values = countries.map((row) => `('${row.country}', '${row.name}')`).join(', ');
    await plainDuckdb(
      `COPY (SELECT * FROM (VALUES ${values}) t(country, name)) TO '${join(suite.root, 'lake/ref', name)}.parquet' (FORMAT parquet)`,
    );
    const parts = await partsOf(messages(['DE', 'PT', 49, 'de', 'XX', null, '049']));
    const lookup = (ending: string, field: string, more: object = {}) => ({
      ...{ type: 'lookup', ...filesOf(name, `ref/${name}.${ending}`, ending.split('.')[0]) },
      ...{ fields: { [field]: 'name' }, ...more },
    });
    const transforms = [
      { type: 'drop', fields: ['name'] },
      lookup('csv', 'a', { defaults: { a: `it's "none"` } }),
      lookup('ndjson.gz', 'b'),
      lookup('parquet', 'c'),
      { type: 'derive', fields: { name: 'concat(a, "|", coalesce(b, ""), "|", coalesce(c, ""))' } },
    ];
    const made = await transformerOf(parts, name, { sources: [{ ...topicSource(name), transforms }] });
    await completed(parts, made.transformerId);
    const found = ['Deutschland, "Bund"', 'Portugal', 'a code'].map((text) => `${text}|${text}|${text}`);
    expect(await names(made.location)).toEqual([...found, ...Array(4).fill(`it's "none"||`)]);
  });

  it('or are rejected where it has none, with their places and no value', async () => {
    const { name } = await entity();
    await write(`ref/${name}.ndjson`, lines(...countries));
    const parts = await partsOf(messages(['DE', 'secret', 'PT', null]));
    const lookup = { ...filesOf(name, `ref/${name}.ndjson`), missing: 'reject' };
    const made = await transformerOf(parts, name, withLookup(name, lookup));
    const run = await completed(parts, made.transformerId);
    expect(run).toMatchObject({ status: 'COMPLETED', statistics: { read: 4, rows: 2, rejected: 2 } });
    const rejects = await suite.em.fork().execute('select * from transform_reject where run_id = ?', [run.id]);
    expect(rejects).toMatchObject([
      { source: 0, code: 'LOOKUP_MISSING', field: 'country', rows: '2', places: ['0:1', '0:3'] },
    ]);
    expect(JSON.stringify(rejects)).not.toContain('secret');
    expect(await names(made.location)).toEqual(['Deutschland, "Bund"', 'Portugal']);
  });

  it('by several keys at once, with numbers for columns that are numbers, and steps go on with them', async () => {
    const { name } = await entity();
    const rows = [
      { account_sid: 'AC0', country: 'DE', segments: 5, name: 'a' },
      { account_sid: 'AC1', country: 'DE', segments: 7, name: 'b' },
    ];
    await write(`ref/${name}.ndjson`, lines(...rows, ...rows));
    const parts = await partsOf(messages(['DE', 'DE', 'PT']));
    const source = filesOf(name, `ref/${name}.ndjson`);
    const transforms = [
      { type: 'drop', fields: ['name', 'segments'] },
      {
        ...{ type: 'lookup', ...source, on: { country: 'country', account_sid: 'account_sid' } },
        ...{ fields: { segments: 'segments', label: 'name' }, defaults: { segments: 9 } },
      },
      { type: 'derive', fields: { name: 'concat(upper(label), "-", country)' } },
      { type: 'filter', where: 'number(segments) != 7' },
    ];
    const made = await transformerOf(parts, name, { sources: [{ ...topicSource(name), transforms }] });
    await completed(parts, made.transformerId);
    const found = Object.values(await tableRows(suite.root, made.location)).flat();
    const sorted = found.toSorted((a, b) => (String(a.message_id) < String(b.message_id) ? -1 : 1));
    expect(sorted.map(({ message_id, segments, name: label }) => [message_id, segments, label])).toEqual([
      ['M0', 5, 'A-DE'],
      ['M2', 9, '-PT'],
    ]);
  });
});

test('a run is refused over a lookup without files, with damaged lines, or with keys of several values', async () => {
  const { name } = await entity();
  const path = `ref/${name}.ndjson`;
  const parts = await partsOf(messages(['DE']));
  const made = await transformerOf(parts, name, withLookup(name, filesOf(name, `ref/${name}*`)));
  const refusal = async (): Promise<string> => {
    const { code, message: text } = await failed(parts, await requested(parts, made.transformerId));
    expect(code).toBe('TRANSFORMER_STATE');
    expect(text).toMatch(/^sources\.0\.transforms\.1: /u);
    return text;
  };
  expect(await refusal()).toContain('there is no file of the lookup');
  await write(path, `${lines(...countries)}\n\n{"country": \n[1]`);
  expect(await refusal()).toContain(`2 lines of the lookup cannot be read, the first at ${path}:5`);
  const twice = [{ country: 'DE', name: 'Allemagne' }, { country: 'PT', name: null }, countries[2] ?? {}];
  await write(path, lines(...countries, ...twice));
  const ambiguous = await refusal();
  expect(ambiguous).toContain('2 keys have rows with different values');
  expect(ambiguous).not.toMatch(/DE\b|Allemagne/u);
  expect(await tableRows(suite.root, made.location)).toEqual({});
  // Nothing of that counts as read.
  await write(path, lines(...countries, countries[2] ?? {}));
  await completed(parts, made.transformerId);
  expect(await names(made.location)).toEqual(['Deutschland, "Bund"']);
});

describe('a run that is killed', () => {
  const kill = { port: 'engine', verb: 'shape', when: 'after', nth: 1 } as const;

  async function killedRun() {
    const { name } = await entity();
    const rows = messages(['DE', 'PT', 'XX']);
    await write(`ref/${name}/1.ndjson`, lines(...countries));
    const parts = await partsOf(rows);
    const made = await transformerOf(parts, name, withLookup(name, filesOf(name, `ref/${name}`)));
    const runId = await requested(parts, made.transformerId);
    expect(await killed({ url: suite.url, root: suite.root, runId, rows, kill })).toBe('SIGKILL');
    return { name, parts, made, runId };
  }

  it('goes on with the files that were planned, and not with those that came since', async () => {
    const { name, parts, made, runId } = await killedRun();
    await write(`ref/${name}/2.ndjson`, lines({ country: 'XX', name: 'late' }, { country: 'DE', name: 'other' }));
    expect(await ran(suite.em, parts, runId)).toMatchObject({ status: 'COMPLETED' });
    expect(await names(made.location)).toEqual(['Deutschland, "Bund"', 'Portugal', null]);
  });

  it('ends when one of them was changed, and the next run takes what is there then', async () => {
    const { name, parts, made, runId } = await killedRun();
    await write(`ref/${name}/1.ndjson`, lines({ country: 'DE', name: 'Germany' }));
    const fault = await failed(parts, runId);
    expect(fault).toMatchObject({ code: 'TRANSFORMER_STATE', message: expect.stringContaining('was changed') });
    expect(await tableRows(suite.root, made.location)).toEqual({});
    await completed(parts, made.transformerId);
    expect(await names(made.location)).toEqual(['Germany', null, null]);
  });
});

describe('a table as a lookup', () => {
  it('is waited for, gives nobody who is being erased, and is an input of lineage with its columns', async () => {
    const [of, { name }] = [await entity(), await entity()];
    const first = await partsOf(messages(['DE', 'PT']));
    const table = await transformerOf(first, of.name);
    await completed(first, table.transformerId);
    const reads: string[] = [];
    const parts = await partsOf(messages(['+0', '+1', '+0']), {
      engine: (engine) =>
        around(engine, (verb, call) => {
          reads.push(verb);
          return call();
        }),
    });
    const lookup = { table: table.location, on: { country: 'to' }, fields: { name: 'country' } };
    const made = await transformerOf(parts, name, withLookup(name, lookup));
    const runId = await requested(parts, made.transformerId);
    const lease = await leaseOf(parts, table.datasetId);
    const context = { signal: new AbortController().signal, report: async () => undefined };
    await expect(parts.runner.run(runId, context)).rejects.toMatchObject({ code: 'UPSTREAM_BEHIND' });
    await lease.release();
    const person = { accountId: 'AC1', subject: { field: 'to', value: '+1' } };
    await erased(suite.em, person, parts, { entityId: of.entityId, status: 'EXECUTING' });
    expect(await ran(suite.em, parts, runId)).toMatchObject({ status: 'COMPLETED', statistics: { suppressed: 0 } });
    expect(await names(made.location)).toEqual(['DE', null, 'DE']);
    const { inputs, outputs } = await toldOf(runId);
    expect(inputs).toMatchObject([{ name: `messages-${name}` }, { namespace: 'file', name: table.location }]);
    const { inputFields } = outputs[0].facets.columnLineage.fields.name;
    expect(inputFields).toMatchObject([
      { name: table.location, field: 'country', transformations: [{ type: 'DIRECT', subtype: 'IDENTITY' }] },
      { name: `messages-${name}`, field: 'country', transformations: [{ type: 'INDIRECT', subtype: 'JOIN' }] },
      { name: table.location, field: 'to', transformations: [{ type: 'INDIRECT', subtype: 'JOIN' }] },
    ]);
    expect(reads.filter((verb) => verb === 'lookup')).toHaveLength(1);
    // What has nothing to give looks nothing up.
    await completed(parts, made.transformerId);
    expect(reads.filter((verb) => verb === 'lookup')).toHaveLength(1);
    const { plan } = await suite.em.fork().findOneOrFail(TransformRunSchema, { id: runId });
    expect(plan?.lookups.map(({ lookup, source }) => [lookup, source])).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  async function toldOf(runId: string) {
    const [told] = await suite.em
      .fork()
      .execute<{ body: string }[]>(
        `select body from lineage_event where body::jsonb ->> 'eventType' = 'COMPLETE' and body::jsonb #>> '{run,runId}' = ?`,
        [runId],
      );
    return JSON.parse(told?.body ?? '{}');
  }
});

test('a document is refused whose lookup is none, leaves the lake, or is made of the table', async () => {
  const { name } = await entity();
  const parts = await partsOf();
  const made = await transformerOf(parts, name, {});
  const issues = async (lookup: object, as = `${name}-x`) =>
    (
      await parts.service.validate(tester, {
        document: documentOf(name, { ...withLookup(name, lookup), as }),
        orders: {},
      })
    ).map(({ path, code }) => `${path.replace('sources[0].transforms[1]', '')} ${code}`);
  const ok = filesOf(name, 'ref/x');
  expect(await issues(ok)).toEqual([]);
  const by = { on: ok.on, fields: ok.fields };
  expect(await issues(by)).toEqual([' SHAPE']);
  expect(await issues({ ...ok, table: 'data/x' })).toEqual([' SHAPE']);
  expect(await issues({ ...by, table: 'data/nowhere' })).toEqual(['.table UNKNOWN_TABLE']);
  expect(await issues({ ...by, table: `data/${name}-x` })).toEqual(['.table CYCLE']);
  expect(await issues(filesOf(name, '../../etc/passwd', 'csv'))).toEqual(['.files.path PATH_INVALID']);
  expect(await issues(filesOf(name, `${made.location}/2018`))).toEqual(['.files.path LOCATION_TAKEN']);
  expect(await issues(filesOf('Nobody', 'ref/x'))).toEqual(['.files.schema UNKNOWN_SCHEMA']);
  expect(await issues(filesOf(name, 'ref/x', 'csv', { account: 'who' }))).toEqual(['.files.account UNKNOWN_FIELD']);
  expect(await issues(filesOf(name, 'ref/x', 'csv', { subjects: ['to'] }))).toEqual(['.files.account MISSING_MEMBER']);
  // A table that looks things up in another is made of it.
  const lookup = { ...by, table: made.location };
  const two = await transformerOf(parts, name, { ...withLookup(name, lookup), as: `${name}-2` });
  await suite.em.fork().execute('update dataset set name = ? where id = ?', [`data/${name}-3`, made.datasetId]);
  expect(await issues({ ...by, table: two.location }, `${name}-3`)).toEqual(['.table CYCLE']);
  await rm(join(suite.root, 'lake/ref'), { recursive: true, force: true });
});
