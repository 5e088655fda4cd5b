/** A process that runs a transformer and kills itself before or after a given call of a port. */
import { openDatabase } from '../../../src/adapters/postgres/orm.ts';
import { around } from '../../testkit/lake.ts';
import type { Row } from '../../testkit/transform.ts';
import { ran, runParts, topicOf } from '../../testkit/transform-runs.ts';

export interface RunKill {
  readonly port: 'store' | 'engine' | 'kafka';
  readonly verb: string;
  readonly when: 'before' | 'after';
  /** Which call of the verb, from 1. */
  readonly nth: number;
}

export interface ChildRun {
  readonly url: string;
  readonly root: string;
  readonly runId: string;
  readonly rows: readonly Row[];
  readonly kill: RunKill;
}

const work = JSON.parse(process.argv[2] ?? '') as ChildRun;

const killer = (port: RunKill['port']) => {
  let calls = 0;
  return async (verb: string, call: () => unknown): Promise<unknown> => {
    if (work.kill.port !== port || work.kill.verb !== verb) return call();
    calls += 1;
    const isNow = calls === work.kill.nth;
    if (isNow && work.kill.when === 'before') await die();
    const result = await call();
    if (isNow) await die();
    return result;
  };
};

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
}

const database = await openDatabase(work.url);
const parts = await runParts(database.em, work.root, {
  kafka: around(topicOf(work.rows), killer('kafka')),
  store: (store) => around(store, killer('store')),
  engine: (engine) => around(engine, killer('engine')),
});
await ran(database.em, parts, work.runId);
await parts.close();
await database.close();
