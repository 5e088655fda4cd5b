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
/** 2018-06-03 and -04, and a day before and behind. */
const dayNumber = fc.integer({ min: 17_684, max: 17_687 });
const dayOf: Readonly<Record<string, number>> = {
  '2018-06-03': 17_685,
  '2018-06-04': 17_686,
  '2018-06-04T01:00:00+02:00': 17_685,
  '2018-06-03 23:00:00 -02': 17_686,
};
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
  keepWithin: fc.option(
    fc.record({
      column: fc.constant('day'),
      ranges: fc.array(
        fc.record({
          selectors: fc.option(fc.array(selector, { minLength: 1, maxLength: 3 })),
          days: fc.record({ from: fc.option(dayNumber), until: fc.option(dayNumber) }),
        }),
        { maxLength: 3 },
      ),
    }),
    { nil: undefined },
  ),
});

const isOld = (text: unknown): boolean => text === '2018-06-03' || text === '2018-06-04T01:00:00+02:00';
const names = (selectors: readonly EngineSelector[], { acc, phone: value }: TestRecord): boolean =>
  selectors.some(({ account, subject }) => account === acc && (subject === undefined || subject.value === value));
const staysBy = ({ keepWithin }: EngineSelection, one: TestRecord): boolean =>
  (keepWithin?.ranges ?? []).some(({ selectors, days: { from, until } }) => {
    const at = dayOf[String(one.day)];
    const isThen = at === undefined || ((from === null || at >= from) && (until === null || at < until));
    return isThen && (selectors === null || names(selectors, one));
  });
const isAsked = ({ everyone, act, keep }: EngineSelection, one: TestRecord): boolean =>
  (everyone === true || names(act, one)) && !names(keep, one);
const goes = (asked: EngineSelection, one: TestRecord): boolean =>
  isAsked(asked, one) && !staysBy(asked, one) && (asked.olderThan === undefined || isOld(one.day));
/** What a range keeps alone, of what was asked for before a minimum cuts that short. */
const within = (asked: EngineSelection, one: TestRecord): boolean => {
  const { olderThan } = asked;
  const before = olderThan?.askedBefore === undefined ? olderThan?.before : olderThan.askedBefore;
  const isDue = before == null || (before === '2018-06-05' ? dayOf[String(one.day)] !== undefined : isOld(one.day));
  return isDue && isAsked(asked, one) && staysBy(asked, one);
};

/** Only 2018-06-04 itself, and that evening, are dates on the other side of the limit. */
const retained = (asked: EngineSelection, one: TestRecord): boolean =>
  isAsked(asked, one) &&
  !staysBy(asked, one) &&
  (asked.olderThan?.askedBefore === null || asked.olderThan?.askedBefore === '2018-06-05') &&
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
        const { everyone, olderThan, keepWithin, ...plain } = chosen;
        const asked: EngineSelection = {
          ...plain,
          ...(everyone === true && { everyone, act: [] }),
          ...(olderThan && { olderThan }),
          ...(keepWithin && { keepWithin }),
        };
        await writer.write(source, records);
        const left = records.filter((one) => !goes(asked, one));
        const [seen] = await engine.find({ files: [source], selection: asked });
        const young = records.filter((one) => retained(asked, one)).length;
        if (asked.olderThan !== undefined)
          expect(seen).toMatchObject({ age: { retained: young, daysLeft: young === 0 ? null : 0 } });
        const held = records.filter((one) => within(asked, one));
        const dateless = held.filter(({ day: text }) => dayOf[String(text)] === undefined);
        if (asked.keepWithin !== undefined)
          expect(seen).toMatchObject({ age: { within: held.length, withinUndated: dateless.length } });
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
