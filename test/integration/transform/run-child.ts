/** A process that runs a transformer and kills itself before or after a given call of a port. */
import { openDatabase } from '../../../src/adapters/postgres/orm.ts';
import { type KillPoint, killer } from '../../testkit/kill-point.ts';
import { around } from '../../testkit/lake.ts';
import type { Row } from '../../testkit/transform.ts';
import { ran, runParts, topicOf } from '../../testkit/transform-runs.ts';

export type RunKill = KillPoint<'store' | 'engine' | 'kafka'>;

export interface ChildRun {
  readonly url: string;
  readonly root: string;
  readonly runId: string;
  readonly rows: readonly Row[];
  readonly kill: RunKill;
}

const work = JSON.parse(process.argv[2] ?? '') as ChildRun;

const killedIn = killer(work.kill);
const database = await openDatabase(work.url);
const parts = await runParts(database.em, work.root, {
  kafka: around(topicOf(work.rows), killedIn('kafka')),
  store: (store) => around(store, killedIn('store')),
  engine: (engine) => around(engine, killedIn('engine')),
});
await ran(database.em, parts, work.runId);
await parts.close();
await database.close();
