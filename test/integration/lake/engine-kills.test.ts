import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DuckdbEngine } from '../../../src/adapters/lake/duckdb/duckdb-engine.ts';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { LakeEngine, RewriteRequest, TransformRequest } from '../../../src/services/lake/ports.ts';
import {
  bytesOfTable,
  everyoneElse,
  filledForErasure,
  oneAccount,
  outcomeOf,
} from '../../testkit/disturbed-erasure.ts';
import { executionContext } from '../../testkit/lake.ts';
import { type LakePlace, lakePlace, placeKinds } from '../../testkit/lake-place.ts';

type Verb = 'find' | 'index' | 'rewrite' | 'verify' | 'transform' | 'profile';

/** When the engine's process is killed: with a request before it, over a copy that it has begun, or waiting for new values. */
interface Blow {
  readonly verb: Verb;
  /** Which request of the verb, from 1. */
  readonly nth: number;
  readonly over: 'the request' | 'a copy' | 'new values';
}

const erasures: readonly Blow[] = [
  { verb: 'find', nth: 1, over: 'the request' },
  { verb: 'rewrite', nth: 1, over: 'the request' },
  { verb: 'rewrite', nth: 3, over: 'a copy' },
  { verb: 'rewrite', nth: 5, over: 'the request' },
  { verb: 'index', nth: 1, over: 'the request' },
  { verb: 'verify', nth: 1, over: 'the request' },
  { verb: 'verify', nth: 3, over: 'the request' },
];
const changes: readonly Blow[] = [
  { verb: 'profile', nth: 2, over: 'the request' },
  { verb: 'transform', nth: 1, over: 'the request' },
  { verb: 'transform', nth: 2, over: 'new values' },
  { verb: 'transform', nth: 3, over: 'a copy' },
  { verb: 'verify', nth: 2, over: 'the request' },
];

const kill = (engine: DuckdbEngine): void => {
  if (engine.childPid === undefined) throw new Error('the engine has no process');
  process.kill(engine.childPid, 'SIGKILL');
};

/** An engine whose process is killed once, and how often it was. */
function underBlows(engine: DuckdbEngine) {
  let blow: Blow | null = null;
  let calls = 0;
  let kills = 0;
  const strike = (): void => {
    kill(engine);
    kills += 1;
  };
  const over: Readonly<
    Record<Blow['over'], (request: object, send: (request: object) => Promise<unknown>) => Promise<unknown>>
  > = {
    async 'the request'(request, send) {
      // A stopped process holds its request for as long as it lives.
      await engine.profile({ path: 'none' }).catch(() => undefined);
      process.kill(engine.childPid ?? 0, 'SIGSTOP');
      const answer = send(request);
      answer.catch(() => undefined);
      await sleep(20);
      strike();
      return answer;
    },
    async 'a copy'(request, send) {
      const { staged } = request as RewriteRequest;
      let isDone = false;
      const answer = send(request).finally(() => {
        isDone = true;
      });
      answer.catch(() => undefined);
      while (!isDone && !existsSync(staged)) await turn();
      if (!isDone) strike();
      return answer;
    },
    'new values'(request, send) {
      const { transform } = request as TransformRequest;
      const killing: TransformRequest['transform'] = async (batch) => {
        strike();
        await sleep(20);
        return transform(batch);
      };
      return send({ ...request, transform: killing });
    },
  };
  const verbs: readonly string[] = ['find', 'index', 'rewrite', 'verify', 'transform', 'profile'] satisfies Verb[];
  const struck = new Proxy<LakeEngine>(engine, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const send = (request: object): Promise<unknown> => member.call(target, request);
      if (!verbs.includes(String(name))) return member.bind(target);
      return (request: object) => {
        if (blow?.verb !== name) return send(request);
        calls += 1;
        return calls === blow.nth ? over[blow.over](request, send) : send(request);
      };
    },
  });
  return {
    engine: struck,
    /** Sets when the process is killed; null for never. */
    set(next: Blow | null): void {
      [blow, calls, kills] = [next, 0, 0];
    },
    get kills(): number {
      return kills;
    },
  };
}

describe.each(placeKinds)('in a $kind', ({ kind, missing }) => {
  describe.skipIf(missing !== null)(missing ?? 'work whose engine is killed by SIGKILL', () => {
    let place: LakePlace;
    let blows: ReturnType<typeof underBlows>;
    beforeAll(async () => {
      place = await lakePlace(kind, {
        engine: (engine) => {
          blows = underBlows(engine as DuckdbEngine);
          return blows.engine;
        },
      });
    });
    afterEach(() => blows.set(null));
    afterAll(() => place?.close());

    interface How {
      readonly selection: Selection;
      readonly transforms?: true;
    }

    /** Does the work and reads it back, each as often as the engine fails at it. */
    const done = async (how: How, blow: Blow | null) => {
      const { table, target } = await filledForErasure(place);
      blows.set(blow);
      let tries = 0;
      const again = async <T>(work: (context: ReturnType<typeof executionContext>) => Promise<T>): Promise<T> => {
        for (;;) {
          tries += 1;
          try {
            return await work(executionContext({ table, ...target, ...how, fencingToken: tries }));
          } catch (error) {
            if (tries > 4) throw error;
            // A process that dies with its answer on the way to it cannot be reached.
            const reason = expect.stringMatching(/^(KILLED|UNREACHABLE)$/);
            expect(error).toMatchObject({ code: 'LAKE_ENGINE_FAILED', details: { reason } });
          }
        }
      };
      const outcome = outcomeOf(await again((context) => place.parts.executor.execute(context)), table);
      const verified = await again((context) => place.parts.executor.verify(context));
      return { tries, end: { outcome, verified, bytes: await bytesOfTable(place, table) } };
    };
    const leavesNothing = async (): Promise<void> => {
      const spilled = await readdir(join(place.root, 'tmp'));
      expect(spilled.length).toBeLessThanOrEqual(1);
      if (kind === 'bucket') expect(await readdir(join(place.root, 'scratch/reading'))).toEqual([]);
    };

    describe.each([
      { name: 'an erasure', how: { selection: oneAccount }, moments: erasures, survivors: 0 },
      // What the change of these tests changed could be changed again, in each file that holds rows under a hold.
      {
        name: 'a change of values',
        how: { selection: everyoneElse, transforms: true as const },
        moments: changes,
        survivors: 17,
      },
    ])('$name', ({ how, moments, survivors }) => {
      let undisturbed: Awaited<ReturnType<typeof done>>;
      beforeAll(async () => {
        undisturbed = await done(how, null);
        expect(undisturbed).toMatchObject({ tries: 2, end: { verified: { survivors, lost: 0, open: [] } } });
      });

      it.each(moments)('at $verb $nth, over $over, ends with the same bytes', async (blow) => {
        let run = await done(how, blow);
        // A copy may be whole before it was seen to begin.
        for (let late = 0; late < 5 && blows.kills === 0; late += 1) run = await done(how, blow);
        const { tries, end } = run;
        expect(blows.kills).toBe(1);
        // For an index, and for files that shared a request, the engine is asked again at once; all else is begun again by whoever
        // runs the task.
        const isAskedAgain = blow.verb === 'index' || (how.transforms !== true && blow.verb !== 'find');
        expect(tries).toSatisfy((count: number) => count === 3 || (isAskedAgain && count === 2));
        expect(end).toEqual(undisturbed.end);
        await leavesNothing();
      });
    });
  });
});
