import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesOfTable, filledForErasure, oneAccount, outcomeOf } from '../../testkit/disturbed-erasure.ts';
import { around, executionContext } from '../../testkit/lake.ts';
import { type LakePlace, lakePlace, placeKinds } from '../../testkit/lake-place.ts';

type Hook = (verb: string, call: () => unknown) => unknown;
const asIs: Hook = (_verb, call) => call();

/** A gate that a call waits at until it is opened. */
function gate() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe.each(placeKinds)('in a $kind', ({ kind, missing }) => {
  describe.skipIf(missing !== null)(missing ?? 'a worker that was thought dead', () => {
    let place: LakePlace;
    let hook: Hook = asIs;
    let undisturbed: ReturnType<typeof outcomeOf>;
    beforeAll(async () => {
      place = await lakePlace(kind, { store: (store) => around(store, (verb, call) => hook(verb, call)) });
      undisturbed = await goOn(await filledForErasure(place), 1);
    });
    afterAll(() => place?.close());

    const goOn = async ({ table, target }: Awaited<ReturnType<typeof filledForErasure>>, fencingToken: number) => {
      const run = { table, ...target, selection: oneAccount, fencingToken };
      return outcomeOf(await place.parts.executor.execute(executionContext(run)), table);
    };

    it.each([
      ['swapIf', 'before its successor lists the table', 'list'],
      ['removeIf', 'before its successor lists the table', 'list'],
      ['swapIf', 'before its successor does', 'swapIf'],
      ['removeIf', 'before its successor does', 'removeIf'],
    ])('%s of which comes %s takes no evidence away', async (verb, _when, successorVerb) => {
      const filled = await filledForErasure(place);
      const [reached, late] = [gate(), gate()];
      hook = async (called, call) => {
        if (called !== verb) return call();
        hook = asIs;
        reached.open();
        await late.opened;
        return call();
      };
      const first = goOn(filled, 1).then(
        () => 'ended',
        (error) => error.code,
      );
      await reached.opened;
      await place.db.em
        .fork()
        .execute('update operation_target set fencing_token = 2 where id = ?', [filled.target.targetId]);
      hook = async (called, call) => {
        if (called !== successorVerb) return call();
        hook = asIs;
        late.open();
        // It wrote the file, and may no longer write the record.
        expect(await first).toBe('LEASE_LOST');
        return call();
      };
      expect(await goOn(filled, 2)).toEqual(undisturbed);
      expect(await bytesOfTable(place, filled.table)).toMatchObject({ staged: [], superseded: [] });
    });
  });
});
