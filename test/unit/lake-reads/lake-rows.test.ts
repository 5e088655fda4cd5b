import { describe, expect, test } from 'vitest';
import { localActor } from '../../../src/domain/access/actor.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import type { LakeStore } from '../../../src/services/lake/ports.ts';
import { LakeRows } from '../../../src/services/lake-reads/lake-rows.ts';
import type { GiveRows, RowsRequest } from '../../../src/services/lake-reads/ports.ts';
import type { ReadFiles } from '../../../src/services/lake-reads/read-files.ts';
import type { LakePlace } from '../../../src/services/lake-reads/read-place.ts';
import type { CryptoService } from '../../../src/services/privacy/crypto.service.ts';

const file = (path: string) => ({ path, bytes: 1, version: '1', rows: 2 });
const place: LakePlace = {
  ...{ tableId: 't', datasetId: 'd', location: 'x', origin: 'LANDED', dateField: null, columns: [] },
  ...{ entity: { id: 'e', name: 'A.B', version: 1 }, accountField: 'a', entities: ['A.B'] },
};
const column = { name: 'id', type: 'INTEGER', semanticType: null, classifications: [], masked: false };

/** Three files of two rows each, read by an engine that a test can look into. */
function parts(reading: (request: RowsRequest, give: GiveRows, signal: AbortSignal) => Promise<void>) {
  const state = { open: 0, isClear: true, changed: new Set<string>(), asked: [] as RowsRequest[] };
  const plan = { columns: [column], days: null, decrypt: false, purpose: null, files: ['x/1', 'x/2', 'x/3'].map(file) };
  const rows = new LakeRows({
    reads: {
      begin: async () => ({ place, plan }),
      assertStill: async () => {
        if (!state.isClear) throw new LinewardError('FORBIDDEN');
      },
    },
    files: {
      assertUnchanged: async ({ path }: { readonly path: string }) => {
        if (state.changed.has(path)) throw new LinewardError('LAKE_FILE_CHANGED');
      },
    } as unknown as ReadFiles,
    store: {
      reading: async (paths: readonly string[], work: (locals: readonly string[]) => Promise<void>) => work(paths),
    } as unknown as LakeStore,
    engine: {
      open: () => {
        state.open += 1;
        return {
          rows: (request, give, signal) => {
            state.asked.push(request);
            return reading(request, give, signal);
          },
          close: async () => {
            state.open -= 1;
          },
        };
      },
    },
    crypto: {} as CryptoService,
  });
  const ask = (limit: number | null = null, signal = new AbortController().signal) =>
    rows.of({ id: 'r', limit, actorNow: () => localActor(null) }, signal);
  return { state, ask };
}
const two: (request: RowsRequest, give: GiveRows) => Promise<void> = async ({ path, rowsMax }, give) =>
  give([`["${path}"]`, `["${path}!"]`].slice(0, rowsMax ?? 2));
async function all(batches: AsyncIterable<readonly string[]>): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of batches) found.push(...batch);
  return found;
}

describe('rows of a granted read', () => {
  test('go out only as long as what was decided of them holds', async () => {
    const { state, ask } = parts(two);
    const batches = await ask();
    expect((await batches.next()).value).toEqual(['["x/1"]', '["x/1!"]']);
    state.isClear = false;
    await expect(batches.next()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(state.open).toBe(0);
  });
  test('come file by file, and no more than are asked for', async () => {
    const { state, ask } = parts(two);
    expect(await all(await ask())).toHaveLength(6);
    expect(await all(await ask(3))).toEqual(['["x/1"]', '["x/1!"]', '["x/2"]']);
    expect(state.asked.slice(3).map(({ path, rowsMax }) => [path, rowsMax])).toEqual([
      ['x/1', 3],
      ['x/2', 1],
    ]);
    expect(await all(await ask(0))).toEqual([]);
    expect(state.open).toBe(0);
  });

  test('end with an error when a file is replaced before, or while, it is read', async () => {
    const { state, ask } = parts(async (request, give) => {
      await two(request, give);
      if (request.path === 'x/2') state.changed.add('x/2');
    });
    const batches = await ask();
    expect((await batches.next()).value).toHaveLength(2);
    expect((await batches.next()).value).toEqual(['["x/2"]', '["x/2!"]']);
    await expect(batches.next()).rejects.toMatchObject({ code: 'LAKE_FILE_CHANGED' });
    state.changed.add('x/1');
    await expect((await ask()).next()).rejects.toMatchObject({ code: 'LAKE_FILE_CHANGED' });
    expect(state.open).toBe(0);
  });

  test('tell of a file that was replaced and not of what reading it came to', async () => {
    const { state, ask } = parts(async ({ path }) => {
      state.changed.add(path);
      throw new LinewardError('LAKE_FILE_UNREADABLE');
    });
    await expect((await ask()).next()).rejects.toMatchObject({ code: 'LAKE_FILE_CHANGED' });
  });

  test('are for four at a time, and whoever goes away makes room, also without taking a row', async () => {
    const { state, ask } = parts(two);
    const gone = new AbortController();
    const reads = await Promise.all([ask(null, gone.signal), ask(), ask(), ask()]);
    await expect(ask()).rejects.toMatchObject({ code: 'LAKE_READS_BUSY' });
    gone.abort();
    expect(await all(await ask())).toHaveLength(6);
    const [, second] = reads;
    await second?.next();
    await second?.return(undefined);
    expect(state.open).toBe(2);
  });
});
