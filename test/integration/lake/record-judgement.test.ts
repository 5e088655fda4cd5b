import { mkdtempSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';
import type { EngineSelection, EngineSelector } from '../../../src/services/lake/ports.ts';
import { recordWriters, type TestRecord } from '../../testkit/record-files.ts';

const root = mkdtempSync(join(tmpdir(), 'lineward-judgement-'));
const engine = new DuckdbEngine({ memoryLimitMb: 256, threads: 2, timeoutMs: 60_000, tempDir: join(root, 'tmp') });
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});

// Few keys, so that they meet; texts that run together, need escapes, or are more than one byte.
const key = fc.constantFrom(
  'A',
  'AA',
  '',
  '1',
  '01',
  '"',
  '\\',
  '\\u0041',
  'é',
  '😀',
  '\u2028',
  '\u0000',
  ' A',
  'null',
  ':',
);
const phone = fc.constantFrom('', '1', 'A', '"\n', 'ü', '1:');
const day = fc.constantFrom(
  '2018-06-03',
  '2018-06-04',
  '2018-06-04T01:00:00+02:00',
  'soon',
  '2018-06-03 23:00:00 -02',
  null,
);
const record = fc.record({
  acc: fc.option(key),
  phone: fc.option(phone),
  n: fc.constant(0),
  day,
});
const selector: fc.Arbitrary<EngineSelector> = fc.record({
  account: key,
  subject: fc.option(fc.record({ column: fc.constant('phone'), value: phone }), { nil: undefined }),
});
const selection: fc.Arbitrary<EngineSelection> = fc.record({
  accountColumn: fc.constant('acc'),
  everyone: fc.boolean(),
  act: fc.array(selector, { maxLength: 4 }),
  keep: fc.array(selector, { maxLength: 2 }),
  olderThan: fc.option(
    fc.record(
      {
        column: fc.constant('day'),
        before: fc.constant('2018-06-04'),
        askedBefore: fc.constantFrom(null, '2018-06-05', '2018-06-04'),
      },
      { requiredKeys: ['column', 'before'] },
    ),
    { nil: undefined },
  ),
});

const isOld = (text: unknown): boolean => text === '2018-06-03' || text === '2018-06-04T01:00:00+02:00';
const names = (selectors: readonly EngineSelector[], { acc, phone: value }: TestRecord): boolean =>
  selectors.some(({ account, subject }) => account === acc && (subject === undefined || subject.value === value));
const goes = ({ everyone, act, keep, olderThan }: EngineSelection, one: TestRecord): boolean =>
  (everyone === true || names(act, one)) && !names(keep, one) && (olderThan === undefined || isOld(one.day));

/** Only 2018-06-04 itself, and that evening, are dates on the other side of the limit. */
const retained = ({ everyone, act, keep, olderThan }: EngineSelection, one: TestRecord): boolean =>
  (everyone === true || names(act, one)) &&
  !names(keep, one) &&
  (olderThan?.askedBefore === null || olderThan?.askedBefore === '2018-06-05') &&
  (one.day === '2018-06-04' || one.day === '2018-06-03 23:00:00 -02');

const kinds = recordWriters.filter(({ name }) => name === 'NDJSON' || name.endsWith('deflate'));

describe.each(kinds.map((writer) => ({ ...writer })))('any records in $name', (writer) => {
  it('are judged alike by both parsers, and as by a look at each', async () => {
    const source = join(root, `x.${writer.ending}`);
    const copy = join(root, `y.${writer.ending}`);
    const staged = join(root, 'x.staged');
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 30 }), selection, async (drawn, chosen) => {
        const records = drawn.map((one, n) => ({ ...one, n }));
        const { everyone, olderThan, ...plain } = chosen;
        const asked: EngineSelection = {
          ...plain,
          ...(everyone === true && { everyone, act: [] }),
          ...(olderThan && { olderThan }),
        };
        await writer.write(source, records);
        const left = records.filter((one) => !goes(asked, one));
        const [seen] = await engine.find({ files: [source], selection: asked });
        const young = records.filter((one) => retained(asked, one)).length;
        if (asked.olderThan !== undefined)
          expect(seen).toMatchObject({ age: { retained: young, daysLeft: young === 0 ? null : 0 } });
        const result = await engine.rewrite({ source, staged, selection: asked });
        expect([result.found, result.rowsAfter]).toEqual([records.length - left.length, left.length]);
        if (result.stagedSha256 === null) return;
        await rename(staged, copy);
        expect((await writer.read(copy)).map(({ n }) => n)).toEqual(left.map(({ n }) => n));
        expect(await engine.verify({ path: copy, selection: asked })).toMatchObject({ matches: 0 });
      }),
      { numRuns: 40 },
    );
  });
});
