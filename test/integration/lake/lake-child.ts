/** A process that does one piece of lake work and may kill itself before or after a given call of a port. */
import { openDatabase } from '../../../src/adapters/postgres/orm.ts';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { RetentionLimit } from '../../../src/domain/lake/retention.ts';
import { type KillPoint, killer } from '../../testkit/kill-point.ts';
import {
  around,
  type erasureTarget,
  executionContext,
  lakeParts,
  landMessages,
  type Message,
  tableNamed,
} from '../../testkit/lake.ts';
import { bucketStore } from '../../testkit/lake-place.ts';

export type LakeKill = KillPoint<'store' | 'engine' | 'executor'>;

export interface LakeWork {
  readonly url: string;
  readonly root: string;
  readonly tableId: string;
  readonly kill: LakeKill | null;
  /** A lake in S3 instead of under the root. */
  readonly s3?: { readonly bucket: string; readonly endpoint: string };
  readonly erase?: Awaited<ReturnType<typeof erasureTarget>> & {
    readonly selection: Selection;
    readonly companions?: readonly { readonly targetId: string; readonly selection: Selection }[];
    readonly fencingToken: number;
    readonly transforms?: boolean;
    readonly limit?: RetentionLimit;
    /** Reads the table back behind the work. */
    readonly verifies?: boolean;
  };
  readonly land?: { readonly streamId: string; readonly messages: readonly Message[]; readonly first: number };
}

const work = JSON.parse(process.argv[2] ?? '') as LakeWork;

const killedIn = killer(work.kill);
const database = await openDatabase(work.url);
const bucket = work.s3 === undefined ? null : bucketStore(work.s3, work.root);
const parts = await lakeParts(database.em, work.root, {
  store: (store) => around(bucket ?? store, killedIn('store')),
  engine: (engine) => around(engine, killedIn('engine')),
});
const table = await tableNamed(database.em, work.tableId);
if (work.erase !== undefined) {
  const executor = around(parts.executor, killedIn('executor'));
  const receipt = await executor.execute(executionContext({ table, ...work.erase }));
  if (work.erase.verifies === true) await executor.verify(executionContext({ table, ...work.erase }));
  console.log(JSON.stringify(receipt));
}
if (work.land !== undefined) {
  await landMessages(parts, { table, streamId: work.land.streamId }, work.land.messages, work.land.first);
}
await parts.engine.close();
await database.close();
