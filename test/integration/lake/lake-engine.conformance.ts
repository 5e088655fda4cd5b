import { mkdtempSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyHash, risingNumbers, segmentHolds, segmentOf } from '../../../src/domain/lake/index-segment.ts';
import type {
  ColumnTexts,
  EngineSelection,
  EngineSelector,
  LakeEngine,
  TransformRequest,
} from '../../../src/services/lake/ports.ts';

/** Makes the engine under test, with a directory for its temporary files. */
export type EngineFactory = (tempDir: string) => LakeEngine;

const columns = [
  { name: 'acc', type: 'VARCHAR' },
  { name: 'phone', type: 'VARCHAR' },
  { name: 'n', type: 'BIGINT' },
  { name: 'body', type: 'JSON' },
] as const;

const whole = (account: string): EngineSelector => ({ account });
const subject = (account: string, value: string): EngineSelector => ({ account, subject: { column: 'phone', value } });
const select = (act: EngineSelector[], keep: EngineSelector[] = []): EngineSelection => ({
  accountColumn: 'acc',
  act,
  keep,
});

/** What every lake engine must do alike; run by the test of each engine. */
export function describeLakeEngine(name: string, makeEngine: EngineFactory): void {
  describe(`${name} as a lake engine`, () => {
    const root = mkdtempSync(join(tmpdir(), 'lineward-engine-'));
    let engine: LakeEngine;
    const at = (file: string): string => join(root, file);
    const rewrite = async (file: string, selection: EngineSelection) => {
      const staged = at(`_erasure/${file}.staged`);
      const result = await engine.rewrite({ source: at(file), staged, selection });
      return { staged, ...result };
    };
    beforeAll(async () => {
      engine = makeEngine(at('tmp'));
      await engine.write({
        path: at('a.parquet'),
        columns,
        rows: [
          { acc: 'A', phone: '+1', n: 1, body: { text: 'x' } },
          { acc: 'A', phone: '+2', n: 2, body: [1, null] },
          { acc: 'B', phone: '+1', n: 3, body: 'text' },
          { acc: null, phone: '+1', n: 4, body: null },
          { acc: 'A', phone: null, n: 5, body: {} },
          { acc: 'A', phone: '', n: 6, body: 7 },
        ],
      });
    });
    afterAll(async () => {
      await engine.close();
      await rm(root, { recursive: true, force: true });
    });

    it('finds the rows of an account and of a subject', async () => {
      const files = [at('a.parquet')];
      const [account] = await engine.find({ files, selection: select([whole('A')]) });
      const [person] = await engine.find({ files, selection: select([subject('A', '+1')]) });
      expect(account).toEqual({ path: at('a.parquet'), rows: 6, matches: 4 });
      expect(person).toEqual({ path: at('a.parquet'), rows: 6, matches: 1 });
    });

    it('erases exactly the matches, keeps rows with NULL keys, and verifies by its own reading', async () => {
      const selection = select([subject('A', '+1'), whole('B')]);
      const result = await rewrite('a.parquet', selection);
      expect(result).toMatchObject({ rowsBefore: 6, rowsAfter: 4, found: 2 });
      const before = await engine.verify({ path: at('a.parquet'), selection });
      const after = await engine.verify({ path: result.staged, selection });
      expect(before).toMatchObject({ rows: 6, matches: 2 });
      expect(after).toEqual({ rows: 4, matches: 0, sha256: result.stagedSha256 });
    });

    it('keeps what a keep selector names even when an act selector names it too', async () => {
      const selection = select([whole('A'), subject('A', '+1')], [subject('A', '+1'), whole('B')]);
      const result = await rewrite('a.parquet', selection);
      expect(result).toMatchObject({ found: 3, rowsAfter: 3 });
      expect(await engine.verify({ path: result.staged, selection: select([subject('A', '+1')]) })).toMatchObject({
        matches: 1,
      });
    });

    it('matches nothing for an empty selection and stages an equal copy', async () => {
      const result = await rewrite('a.parquet', select([]));
      expect(result).toMatchObject({ found: 0, rowsAfter: 6, stagedSha256: expect.stringMatching(/^[0-9a-f]{64}$/u) });
    });

    it('does not confuse the text 01 with the number 1', async () => {
      const numbers = [{ name: 'acc', type: 'BIGINT' }] as const;
      await engine.write({ path: at('n.parquet'), columns: numbers, rows: [{ acc: 1 }, { acc: '10' }] });
      await engine.write({ path: at('t.parquet'), columns, rows: [{ acc: '01' }, { acc: '1' }, { acc: ' 1' }] });
      const files = [at('n.parquet'), at('t.parquet')];
      const matches = async (account: string) =>
        (await engine.find({ files, selection: select([whole(account)]) })).map((f) => f.error ?? f.matches);
      expect(await matches('01')).toEqual([0, 1]);
      expect(await matches('1')).toEqual([1, 1]);
      expect(await matches('abc')).toEqual([0, 0]);
    });

    it('lists distinct keys as the text by which they are found, and no NULL', async () => {
      await engine.write({
        path: at('k.parquet'),
        columns,
        rows: [
          { acc: 'A', phone: '', n: -7 },
          { acc: 'A', n: 10 },
          { acc: 'B', n: 10 },
        ],
      });
      const { rows, keys } = await engine.keys({
        path: at('k.parquet'),
        columns: ['acc', 'phone', 'n'],
        rowsMax: 1_000_000,
      });
      expect(rows).toBe(3);
      expect(keys.map(({ column, values }) => [column, [...values].sort()])).toEqual([
        ['acc', ['A', 'B']],
        ['phone', ['']],
        ['n', ['-7', '10']],
      ]);
      await expect(engine.keys({ path: at('k.parquet'), columns: ['acc'], rowsMax: 2 })).rejects.toMatchObject({
        code: 'LAKE_TABLE_REFUSED',
        details: { reason: 'it has more than 2 rows' },
      });
      await expect(engine.keys({ path: at('k.parquet'), columns: ['none'], rowsMax: 1_000_000 })).rejects.toMatchObject(
        {
          code: 'LAKE_TABLE_REFUSED',
        },
      );
    });

    it('makes of the same keys a segment, which tells nobody without the secret whom it knows', async () => {
      const rows = [{ acc: 'A', phone: '+1', n: 1 }, { acc: 'A', phone: '+2', n: 2 }, { acc: 'B' }];
      await engine.write({ path: at('s.parquet'), columns, rows });
      const asked = { path: at('s.parquet'), columns: ['acc', 'phone'], rowsMax: 1_000 };
      const { keys } = await engine.keys(asked);
      const { rows: count, segment } = await engine.index({ ...asked, secret: 'mine' });
      expect([count, Buffer.from(segment)]).toEqual([3, segmentOf('mine', keys)]);
      const asks = (secret: string, value: string): boolean | null =>
        segmentHolds(Buffer.from(segment), risingNumbers([keyHash(secret, { column: 'phone', value })]));
      expect([asks('mine', '+2'), asks('mine', '+3'), asks('yours', '+2')]).toEqual([true, false, false]);
      await expect(engine.index({ ...asked, secret: 'mine', rowsMax: 2 })).rejects.toMatchObject({
        code: 'LAKE_TABLE_REFUSED',
      });
    });

    it('lists keys of any text, to the last character', async () => {
      const odd = ['', ...` "\\':\n\u001fé😀`, '\ufeffc', 'e\u0301', '{"f":1}', 'null', '01'];
      const rows = odd.map((acc) => ({ acc, n: 1 }));
      await engine.write({ path: at('odd.parquet'), columns, rows });
      const { keys } = await engine.keys({ path: at('odd.parquet'), columns: ['acc'], rowsMax: 1_000 });
      expect([...(keys[0]?.values ?? [])].sort()).toEqual([...odd].sort());
    });

    it('keeps account and subject apart where their texts run together', async () => {
      await engine.write({
        path: at('r.parquet'),
        columns,
        rows: [
          { acc: '1', phone: '23' },
          { acc: '12', phone: '3' },
        ],
      });
      const selection = select([subject('12', '3')]);
      expect(await rewrite('r.parquet', selection)).toMatchObject({ found: 1, rowsAfter: 1 });
    });

    it('handles a file without rows, and one that loses all', async () => {
      await engine.write({ path: at('0.parquet'), columns, rows: [] });
      const selection = select([whole('A')]);
      expect(await engine.find({ files: [at('0.parquet')], selection })).toEqual([
        { path: at('0.parquet'), rows: 0, matches: 0 },
      ]);
      await engine.write({ path: at('all.parquet'), columns, rows: [{ acc: 'A' }, { acc: 'A' }] });
      const result = await rewrite('all.parquet', selection);
      expect(result).toMatchObject({ rowsBefore: 2, rowsAfter: 0, found: 2, bytesAfter: 0, stagedSha256: null });
      await expect(readFile(result.staged)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('keeps the row order under a selection larger than the file', async () => {
      const rows = Array.from({ length: 20_000 }, (_, n) => ({ acc: `a${(n * 7919) % 20_000}`, phone: '', n }));
      await engine.write({ path: at('order.parquet'), columns, rows });
      const act = Array.from({ length: 100_000 }, (_, n) => subject(`a${n * 2}`, ''));
      const result = await rewrite('order.parquet', select(act));
      expect(result).toMatchObject({ found: 10_000, rowsAfter: 10_000 });
      // A copy of the survivors written in the expected order has the same bytes only if the order was kept.
      const expected = rows.filter(({ acc }) => Number(acc.slice(1)) % 2 === 1);
      await engine.write({ path: at('expected.parquet'), columns, rows: expected });
      const copy = await engine.rewrite({
        source: at('expected.parquet'),
        staged: at('_erasure/e'),
        selection: select([]),
      });
      expect(result.stagedSha256).toBe(copy.stagedSha256);
    });

    it('tells what the footer of a file says', async () => {
      expect(await engine.profile({ path: at('a.parquet') })).toMatchObject({
        rows: 6,
        columns: [
          { name: 'acc', form: 'TEXT' },
          { name: 'phone', form: 'TEXT' },
          { name: 'n', form: 'OTHER' },
          { name: 'body', form: 'JSON' },
        ],
      });
    });

    /** Puts `!` behind each telephone number, and `[body]` around each body. */
    const shout = (batch: ColumnTexts): Promise<ColumnTexts> =>
      Promise.resolve({
        phone: batch.phone?.map((text) => text && `${text}!`) ?? [],
        body: batch.body?.map((text) => text && `[${text}]`) ?? [],
      });
    const transform = (selection: EngineSelection, more: Partial<TransformRequest> = {}) =>
      engine.transform({
        source: at('a.parquet'),
        staged: at('_erasure/t.staged'),
        selection,
        columns: ['phone', 'body'],
        keyColumns: ['acc'],
        metadata: { 'lineward.test': 'yes' },
        transform: shout,
        ...more,
      });
    const everyone = (keep: EngineSelector[] = []) => ({ ...select([], keep), everyone: true });
    const textsOf = async (path: string): Promise<ColumnTexts> => {
      let seen: ColumnTexts = {};
      await engine.transform({
        source: path,
        staged: null,
        selection: everyone(),
        columns: ['phone', 'body', 'n'],
        keyColumns: ['acc'],
        metadata: {},
        transform: (batch) => {
          seen = batch;
          return Promise.resolve(batch);
        },
      });
      return seen;
    };

    it('replaces values in the rows under a selection alone, and keeps all others in their places', async () => {
      const result = await transform(everyone([subject('A', '+2')]));
      // The row without a telephone number has a body; the kept one and those without both do not count.
      expect(result).toMatchObject({ rowsBefore: 6, rowsAfter: 6, found: 5 });
      expect(await textsOf(at('_erasure/t.staged'))).toEqual({
        acc: ['A', 'A', 'B', null, 'A', 'A'],
        phone: ['+1!', '+2', '+1!', '+1!', null, ''],
        n: ['1', '2', '3', '4', '5', '6'],
        body: ['[{"text":"x"}]', '[1,null]', '["text"]', null, '[{}]', '[7]'],
      });
      const { metadata, rows } = await engine.profile({ path: at('_erasure/t.staged') });
      expect([rows, metadata['lineward.test']]).toEqual([6, 'yes']);
      const seen = await engine.verify({ path: at('_erasure/t.staged'), selection: select([]) });
      expect(seen).toEqual({ rows: 6, matches: 0, sha256: result.stagedSha256 });
    });

    it('asks for the values of matching rows alone', async () => {
      const asked: ColumnTexts[] = [];
      const result = await transform(select([whole('B')]), {
        transform: (batch) => {
          asked.push(batch);
          return shout(batch);
        },
      });
      expect(asked).toEqual([{ acc: ['B'], phone: ['+1'], body: ['"text"'] }]);
      expect(result.found).toBe(1);
    });

    it('stages nothing when nothing is replaced, or nothing may be written', async () => {
      const same = await transform(everyone(), { transform: (batch) => Promise.resolve(batch) });
      expect(same).toMatchObject({ rowsBefore: 6, rowsAfter: 6, found: 0, stagedSha256: null });
      expect(await transform(everyone(), { staged: null })).toMatchObject({ found: 6, stagedSha256: null });
      expect(await readdir(at('_erasure')).catch(() => [])).not.toContain('t2.staged');
    });

    it('replaces every row of many row groups in its place', async () => {
      const rows = Array.from({ length: 300_000 }, (_, n) => ({ acc: 'A', phone: String(n), n, body: null }));
      await engine.write({ path: at('many.parquet'), columns, rows });
      const staged = at('_erasure/many.staged');
      const result = await transform(everyone(), { source: at('many.parquet'), staged });
      expect(result).toMatchObject({ found: 300_000, rowsAfter: 300_000 });
      let place = 0;
      await engine.transform({
        source: staged,
        staged: null,
        selection: everyone(),
        columns: ['phone', 'n'],
        keyColumns: [],
        metadata: {},
        transform: (batch) => {
          for (const [index, phone] of (batch.phone ?? []).entries())
            if (phone !== `${place + index}!` || batch.n?.[index] !== String(place + index))
              throw new Error(`${place + index}`);
          place += batch.phone?.length ?? 0;
          return Promise.resolve(batch);
        },
      });
      expect(place).toBe(300_000);
    });

    it('ends with what the transformation throws, and works on afterwards', async () => {
      const fault = new Error('a key is away');
      await expect(transform(everyone(), { transform: () => Promise.reject(fault) })).rejects.toBe(fault);
      await expect(
        transform(everyone(), { transform: () => Promise.resolve({ phone: [], body: [] }) }),
      ).rejects.toMatchObject({ code: 'INTERNAL' });
      expect((await transform(everyone())).found).toBe(6);
    });

    it('refuses a column that is not there, and a text that does not fit the column', async () => {
      await expect(transform(everyone(), { columns: ['phone', 'none'] })).rejects.toMatchObject({
        code: 'LAKE_TABLE_REFUSED',
        details: { column: 'none' },
      });
      const wrong = transform(everyone(), {
        columns: ['n'],
        transform: (batch) => Promise.resolve({ n: batch.n?.map(() => 'canary') ?? [] }),
      });
      await expect(wrong).rejects.not.toThrow('canary');
      expect((await engine.profile({ path: at('a.parquet') })).rows).toBe(6);
    });

    it('tells damaged files by name and still finds the others', async () => {
      await mkdir(at('bad'), { recursive: true });
      const good = await readFile(at('a.parquet'));
      const footer = Buffer.from(good);
      footer.fill(0xff, good.length - 60, good.length - 8);
      const damaged = {
        'empty.parquet': Buffer.alloc(0),
        'random.parquet': Buffer.from('PAR1 these are no pages at all, and no footer either PAR1'),
        'cut.parquet': good.subarray(0, good.length - 20),
        'footer.parquet': footer,
      };
      for (const [file, bytes] of Object.entries(damaged)) await writeFile(at(`bad/${file}`), bytes);
      const bad = [...Object.keys(damaged), 'missing.parquet'].map((file) => at(`bad/${file}`));
      const selection = select([whole('A')]);
      const findings = await engine.find({ files: [bad[0] ?? '', at('a.parquet'), ...bad.slice(1)], selection });
      expect(findings.map((finding) => finding.error ?? finding.matches)).toEqual([
        'UNREADABLE',
        4,
        ...Array(4).fill('UNREADABLE'),
      ]);
      for (const path of bad) {
        const failure = { code: 'LAKE_FILE_UNREADABLE', details: expect.objectContaining({ path }) };
        await expect(engine.verify({ path, selection })).rejects.toMatchObject(failure);
        const staged = at('_erasure/bad.staged');
        await expect(engine.rewrite({ source: path, staged, selection })).rejects.toMatchObject(failure);
      }
    });

    it('refuses a key column that is missing, spelt otherwise, nested or a float', async () => {
      await engine.write({ path: at('f.parquet'), columns: [{ name: 'acc', type: 'DOUBLE' }], rows: [{ acc: 1 }] });
      await engine.write({ path: at('c.parquet'), columns: [{ name: 'ACC', type: 'VARCHAR' }], rows: [{ ACC: 'A' }] });
      await engine.write({ path: at('j.parquet'), columns: [{ name: 'acc', type: 'JSON' }], rows: [{ acc: 'A' }] });
      const files = ['f', 'c', 'j'].map((file) => at(`${file}.parquet`));
      const findings = await engine.find({ files, selection: select([whole('A')]) });
      expect(findings.map(({ error }) => error)).toEqual(['REFUSED', 'REFUSED', 'REFUSED']);
      await expect(rewrite('f.parquet', select([whole('A')]))).rejects.toMatchObject({ code: 'LAKE_TABLE_REFUSED' });
    });

    it('refuses values that do not fit the column, without quoting them, and leaves no file', async () => {
      const write = engine.write({ path: at('v.parquet'), columns, rows: [{ n: 1 }, { n: 'secret-7' }] });
      await expect(write).rejects.toMatchObject({
        code: 'VALUE_INVALID',
        message: expect.not.stringContaining('secret'),
      });
      expect(await readdir(root)).not.toContain('v.parquet');
    });

    it('takes odd names as they are', async () => {
      const odd = `o'd"d [1]*; DROP.parquet`;
      const names = [{ name: `a"c'c`, type: 'VARCHAR' }] as const;
      await engine.write({ path: at(odd), columns: names, rows: [{ 'a"c\'c': `x'; --` }] });
      await copyFile(at(odd), at(`second ${odd}`));
      const selection = { accountColumn: `a"c'c`, act: [whole(`x'; --`)], keep: [] };
      const findings = await engine.find({ files: [at(odd), at(`second ${odd}`)], selection });
      expect(findings.map((finding) => finding.error ?? finding.matches)).toEqual([1, 1]);
    });

    it('stops at once when its signal is aborted', async () => {
      const signal = AbortSignal.abort();
      const selection = select([whole('A')]);
      await expect(engine.find({ files: [at('a.parquet')], selection, signal })).rejects.toMatchObject({
        code: 'CANCELLED',
      });
      expect(await engine.find({ files: [at('a.parquet')], selection })).toHaveLength(1);
    });
  });
}
