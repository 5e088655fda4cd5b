import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';
import type { EngineSelection } from '../../../src/services/lake/ports.ts';
import { plainDuckdb } from '../../testkit/plain-table.ts';

let root: string;
let engine: DuckdbEngine;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'lineward-dates-'));
  engine = new DuckdbEngine({ memoryLimitMb: 256, threads: 2, timeoutMs: 60_000, tempDir: join(root, 'tmp') });
});
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});

const days = 20;
const accounts = 3;
/** Row `n` is of account `n % 3` and person `n % 2`, on day `n % 20` of June 1970; every seventh has no date. */
const rowsOf = Array.from({ length: 400 }, (_, n) => ({
  account: `AC${n % accounts}`,
  person: String(n % 2),
  day: n % 7 === 0 ? null : 151 + (n % days),
}));
const isoOf = (day: number | null) => (day === null ? null : new Date(day * 86_400_000).toISOString().slice(0, 10));

const account = fc.constantFrom('AC0', 'AC1', 'AC2', 'nobody');
const selector = fc.record({
  account,
  subject: fc.option(fc.record({ column: fc.constant('person'), value: fc.constantFrom('0', '1') }), {
    nil: undefined,
  }),
});
const bound = fc.option(fc.integer({ min: 148, max: 174 }));
const ranges = fc.array(
  fc.record({
    selectors: fc.option(fc.array(selector, { minLength: 1, maxLength: 3 })),
    days: fc.record({ from: bound, until: bound }),
  }),
  { maxLength: 6 },
);

describe('rows of dates under holds, in Parquet', () => {
  it.each(['VARCHAR', 'TIMESTAMP'])('are told alike by all verbs, and as by a look at each, in %s', async (type) => {
    const source = join(root, `${type}.parquet`);
    const values = rowsOf.map(({ account: of, person, day }) => {
      const iso = isoOf(day);
      return `('${of}', '${person}', ${iso === null ? 'NULL' : `'${iso}'`})`;
    });
    await plainDuckdb(
      `COPY (SELECT account, person, CAST(day AS ${type}) AS day FROM (VALUES ${values.join(', ')}) t(account, person, day))
       TO '${source}' (FORMAT parquet, ROW_GROUP_SIZE 128)`,
    );
    await fc.assert(
      fc.asyncProperty(fc.array(selector, { maxLength: 3 }), ranges, fc.boolean(), async (act, kept, everyone) => {
        const selection: EngineSelection = {
          ...{ accountColumn: 'account', act: everyone ? [] : act, keep: [] },
          ...(everyone && { everyone }),
          keepWithin: { column: 'day', ranges: kept },
        };
        const names = (of: typeof act, row: (typeof rowsOf)[number]) =>
          of.some((one) => one.account === row.account && (one.subject?.value ?? row.person) === row.person);
        const asked = rowsOf.filter((row) => everyone || names(act, row));
        const held = asked.filter((row) =>
          kept.some(
            ({ selectors, days: { from, until } }) =>
              (row.day === null || (row.day >= (from ?? 0) && row.day < (until ?? 999))) &&
              (selectors === null || names(selectors, row)),
          ),
        );
        const matches = asked.length - held.length;
        const withinUndated = held.filter(({ day }) => day === null).length;
        const [found] = await engine.find({ files: [source], selection });
        expect(found).toMatchObject({ matches, age: { within: held.length, withinUndated } });
        expect(await engine.verify({ path: source, selection })).toMatchObject({ matches });
        const result = await engine.rewrite({ source, staged: `${source}.staged`, selection });
        expect([result.found, result.rowsAfter]).toEqual([matches, rowsOf.length - matches]);
      }),
      { numRuns: 10 },
    );
  });

  it('stay all where the file has no such column, or one without dates', async () => {
    const source = join(root, 'number.parquet');
    await plainDuckdb(`COPY (SELECT 'AC1' AS account, 5 AS day) TO '${source}' (FORMAT parquet)`);
    const held = (column: string): EngineSelection => ({
      ...{ accountColumn: 'account', act: [{ account: 'AC1' }], keep: [] },
      keepWithin: { column, ranges: [{ selectors: null, days: { from: 1, until: 2 } }] },
    });
    for (const column of ['day', 'created']) {
      const [found] = await engine.find({ files: [source], selection: held(column) });
      expect(found).toMatchObject({ error: 'REFUSED', reason: expect.stringContaining(`date column ${column}`) });
    }
  });

  it.each([
    ['0001-01-01T00:00:00Z', { from: null, until: -719_161 }, 1],
    ['0001-01-01T00:00:00Z', { from: null, until: -719_162 }, 0],
    ['1969-12-31T23:59:59.999999Z', { from: 0, until: null }, 0],
    ['1969-12-31T23:59:59.999999Z', { from: -1, until: 0 }, 1],
    ['9999-12-31T23:59:59.999999Z', { from: 2_932_897, until: null }, 0],
    ['9999-12-31T23:59:59.999999Z', { from: 2_932_896, until: 2_932_897 }, 1],
  ])('are told to the microsecond: %s in %j', async (at, days, held) => {
    const source = join(root, 'edge.parquet');
    await plainDuckdb(`COPY (SELECT 'AC1' AS account, '${at}' AS day) TO '${source}' (FORMAT parquet)`);
    for (const selectors of [null, [{ account: 'AC1' }]]) {
      const selection: EngineSelection = {
        ...{ accountColumn: 'account', act: [{ account: 'AC1' }], keep: [] },
        keepWithin: { column: 'day', ranges: [{ selectors, days }] },
      };
      const [found] = await engine.find({ files: [source], selection });
      expect(found).toMatchObject({ matches: 1 - held, age: { within: held } });
      expect(await engine.verify({ path: source, selection })).toMatchObject({ matches: 1 - held });
    }
  });

  it('are not mixed up with columns of any name', async () => {
    const source = join(root, 'names.parquet');
    await plainDuckdb(
      `COPY (SELECT 'AC1' AS account, v AS at, 0 AS day, {day: 0} AS own, {first: 0, past: 9} AS d,
               {whole: '3:AC1', first: 0, past: 99999} AS kept, 0 AS first, 99999 AS past, '3:AC1' AS whole
             FROM (VALUES ('1970-06-03'), ('1970-06-04'), (NULL)) t(v)) TO '${source}' (FORMAT parquet)`,
    );
    for (const selectors of [null, [{ account: 'AC1' }]]) {
      const selection: EngineSelection = {
        ...{ accountColumn: 'account', act: [{ account: 'AC1' }], keep: [] },
        keepWithin: { column: 'at', ranges: [{ selectors, days: { from: 154, until: null } }] },
      };
      const [found] = await engine.find({ files: [source], selection });
      expect(found).toMatchObject({ matches: 1, age: { within: 2, withinUndated: 1 } });
      expect(await engine.verify({ path: source, selection })).toMatchObject({ matches: 1 });
      const result = await engine.rewrite({ source, staged: `${source}.staged`, selection });
      expect([result.found, result.rowsAfter]).toEqual([1, 2]);
    }
  });

  it('of a thousand holds on as many ranges are told in one statement', async () => {
    const source = join(root, 'VARCHAR.parquet');
    const selection: EngineSelection = {
      ...{ accountColumn: 'account', everyone: true, act: [], keep: [] },
      keepWithin: {
        column: 'day',
        ranges: Array.from({ length: 1_000 }, (_, n) => ({
          selectors: n % 2 === 0 ? null : [{ account: 'AC1' }],
          days: { from: 151 + (n % 5), until: 152 + (n % 5) },
        })),
      },
    };
    const free = rowsOf.filter(({ day }) => day !== null && day >= 156).length;
    const [found] = await engine.find({ files: [source], selection });
    expect(found).toMatchObject({ matches: free });
    expect(await engine.verify({ path: source, selection })).toMatchObject({ matches: free });
  });
});
