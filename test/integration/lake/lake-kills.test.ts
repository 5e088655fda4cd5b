import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bytesOfTable,
  everyoneElse,
  filledForErasure,
  oneAccount,
  outcomeOf,
} from '../../testkit/disturbed-erasure.ts';
import { executionContext } from '../../testkit/lake.ts';
import { type LakePlace, lakePlace, placeKinds } from '../../testkit/lake-place.ts';
import type { LakeKill } from './lake-child.ts';
import { runLakeChild } from './run-lake-child.ts';

type Filled = Awaited<ReturnType<typeof filledForErasure>>;

/** A moment to be killed at, by the state that it leaves on record and in the store. */
interface Moment {
  readonly state: string;
  readonly kill: LakeKill;
  readonly verifies?: true;
}

const erasures: readonly Moment[] = [
  { state: 'nothing', kill: { port: 'engine', verb: 'find', when: 'before', nth: 1 } },
  { state: 'PLANNED', kill: { port: 'engine', verb: 'rewrite', when: 'before', nth: 1 } },
  { state: 'PLANNED with a staged file', kill: { port: 'engine', verb: 'rewrite', when: 'after', nth: 2 } },
  { state: 'STAGED', kill: { port: 'store', verb: 'swapIf', when: 'before', nth: 1 } },
  { state: 'STAGED to be removed', kill: { port: 'store', verb: 'removeIf', when: 'before', nth: 1 } },
  { state: 'STAGED and removed', kill: { port: 'store', verb: 'removeIf', when: 'after', nth: 1 } },
  { state: 'STAGED and swapped', kill: { port: 'store', verb: 'swapIf', when: 'after', nth: 1 } },
  { state: 'STAGED and swapped, of lines', kill: { port: 'store', verb: 'swapIf', when: 'after', nth: 4 } },
  { state: 'SWAPPED, older versions there', kill: { port: 'store', verb: 'forgetVersions', when: 'before', nth: 2 } },
  { state: 'SWAPPED, older versions gone', kill: { port: 'store', verb: 'forgetVersions', when: 'after', nth: 2 } },
  // Within the transaction that records the swap.
  {
    state: 'PURGED and not on record, of a file that is gone',
    kill: { port: 'store', verb: 'remove', when: 'after', nth: 1 },
  },
  { state: 'PURGED and not on record', kill: { port: 'store', verb: 'remove', when: 'after', nth: 4 } },
  { state: 'PURGED', kill: { port: 'engine', verb: 'index', when: 'before', nth: 1 } },
  { state: 'PURGED with a staged segment', kill: { port: 'store', verb: 'stage', when: 'after', nth: 1 } },
  { state: 'INDEXED and not on record', kill: { port: 'store', verb: 'publish', when: 'after', nth: 2 } },
  { state: 'INDEXED without a receipt', kill: { port: 'executor', verb: 'execute', when: 'after', nth: 1 } },
  { state: 'half VERIFIED', kill: { port: 'engine', verb: 'verify', when: 'after', nth: 2 }, verifies: true },
  { state: 'VERIFIED', kill: { port: 'executor', verb: 'verify', when: 'after', nth: 1 }, verifies: true },
];

const changes: readonly Moment[] = [
  { state: 'nothing', kill: { port: 'engine', verb: 'profile', when: 'before', nth: 2 } },
  { state: 'PLANNED', kill: { port: 'engine', verb: 'transform', when: 'before', nth: 1 } },
  { state: 'PLANNED with a staged file', kill: { port: 'engine', verb: 'transform', when: 'after', nth: 2 } },
  { state: 'STAGED', kill: { port: 'store', verb: 'swapIf', when: 'before', nth: 1 } },
  { state: 'STAGED and swapped', kill: { port: 'store', verb: 'swapIf', when: 'after', nth: 1 } },
  { state: 'STAGED and swapped, of lines', kill: { port: 'store', verb: 'swapIf', when: 'after', nth: 5 } },
  { state: 'PURGED and not on record', kill: { port: 'store', verb: 'remove', when: 'after', nth: 1 } },
  { state: 'PURGED with a staged segment', kill: { port: 'store', verb: 'stage', when: 'after', nth: 1 } },
];

describe.each(placeKinds)('in a $kind', ({ kind, missing }) => {
  describe.skipIf(missing !== null)(missing ?? 'work that is killed by SIGKILL', () => {
    let place: LakePlace;
    beforeAll(async () => {
      place = await lakePlace(kind);
    });
    afterAll(() => place?.close());

    /** Begins the work in a process that dies at a moment of it. */
    const killedAt = async ({ table, target }: Filled, kill: LakeKill, how: object): Promise<void> => {
      const erase = { ...target, selection: oneAccount, fencingToken: 1, ...how };
      const killed = await runLakeChild({ ...place.asWork, tableId: table.id, kill, erase });
      expect(killed).toMatchObject({ signal: 'SIGKILL', stderr: '' });
    };
    const goOn = async ({ table, target }: Filled, how: object = {}) => {
      const run = { table, ...target, selection: oneAccount, fencingToken: 2, ...how };
      return outcomeOf(await place.parts.executor.execute(executionContext(run)), table);
    };
    const done = async (filled: Filled, how: object = {}) => {
      const outcome = await goOn(filled, how);
      return { outcome, bytes: await bytesOfTable(place, filled.table) };
    };

    describe('an erasure', () => {
      let undisturbed: Awaited<ReturnType<typeof done>>;
      beforeAll(async () => {
        undisturbed = await done(await filledForErasure(place));
        expect(undisturbed.outcome).toMatchObject({ recordsErased: 11, filesRewritten: 4, filesRemoved: 1, open: [] });
        expect(Object.keys(undisturbed.bytes.data)).toHaveLength(4);
        expect(undisturbed.bytes).toMatchObject({ staged: [], superseded: [] });
        expect(undisturbed.bytes.registered).toMatchObject([{ indexed: true }, { indexed: true }]);
      });

      it.each(erasures)(
        'that leaves $state goes on to the same bytes and the same receipt',
        async ({ kill, verifies = false }) => {
          const filled = await filledForErasure(place);
          await killedAt(filled, kill, { verifies });
          expect(await goOn(filled)).toEqual(undisturbed.outcome);
          const { table, target } = filled;
          const context = executionContext({ table, ...target, selection: oneAccount, fencingToken: 3 });
          const verification = await place.parts.executor.verify(context);
          expect(verification).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 20, open: [] });
          expect(await bytesOfTable(place, table)).toEqual(undisturbed.bytes);
        },
      );

      it('and is given up tells what it had done, with the swap that was not on record yet', async () => {
        const filled = await filledForErasure(place);
        await killedAt(filled, { port: 'store', verb: 'swapIf', when: 'after', nth: 1 }, {});
        const { table, target } = filled;
        const nobody = { act: [], keep: [] };
        const context = executionContext({ table, ...target, selection: nobody, fencingToken: 2 });
        const receipt = await place.parts.executor.receiptSoFar(context);
        expect(receipt).toMatchObject({
          filesRewritten: 1,
          filesRemoved: 1,
          open: [{ code: 'FILES_NOT_REWRITTEN', reason: expect.stringMatching(/^3 file/) }],
        });
        for (const { path, sha256 } of receipt?.evidence ?? [])
          expect(await place.parts.store.sha256(String(path))).toBe(sha256);
        expect(receipt?.recordsErased).toBeGreaterThan(1);
        expect(receipt?.recordsErased).toBeLessThan(undisturbed.outcome.recordsErased);
        expect(await bytesOfTable(place, table)).toMatchObject({ staged: [], superseded: [] });
      });
    });

    /** Values of `to` by record, wherever the record lies. */
    const numbersIn = async ({ table }: Filled): Promise<Readonly<Record<string, string | null>>> => {
      const { store, engine } = place.parts;
      const numbers: Record<string, string | null> = {};
      for (const { path } of await store.list(table.location))
        await store.reading([path], ([source = '']) =>
          engine.transform({
            source,
            staged: null,
            selection: { accountColumn: 'account_sid', everyone: true, act: [], keep: [] },
            columns: ['to'],
            keyColumns: ['sid'],
            metadata: {},
            transform: async (batch) => {
              // Of lines both are JSON.
              const plain = (text: string | null | undefined) => text?.replaceAll('"', '') ?? null;
              for (const [row, sid] of (batch.sid ?? []).entries()) numbers[plain(sid) ?? ''] = plain(batch.to?.[row]);
              return batch;
            },
          }),
        );
      return numbers;
    };

    describe('a change of values', () => {
      const how = { selection: everyoneElse, transforms: true };
      let undisturbed: Awaited<ReturnType<typeof done>>;
      beforeAll(async () => {
        const filled = await filledForErasure(place);
        const before = await numbersIn(filled);
        undisturbed = await done(filled, how);
        expect(undisturbed.outcome).toMatchObject({ recordsErased: 0, recordsChanged: 28, filesRewritten: 5 });
        // Three records of AC0 are under a hold.
        const isHeld = (sid: string): boolean => before[sid] === '+3';
        const expected = Object.entries(before).map(([sid, to]) => [sid, isHeld(sid) ? to : `${to}!`]);
        expect(await numbersIn(filled)).toEqual(Object.fromEntries(expected));
        expect(undisturbed.bytes).toMatchObject({ staged: [], superseded: [] });
      });

      it.each(changes)('that leaves $state changes every value once, to the same bytes', async ({ kill }) => {
        const filled = await filledForErasure(place);
        await killedAt(filled, kill, how);
        expect(await goOn(filled, how)).toEqual(undisturbed.outcome);
        expect(await bytesOfTable(place, filled.table)).toEqual(undisturbed.bytes);
      });
    });
  });
});
