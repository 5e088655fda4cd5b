/** A worker process over real PostgreSQL whose executor changes rows of a table, and which may kill itself at a given point. */
import type { EntityManager } from '@mikro-orm/postgresql';
import { openDatabase } from '../../src/adapters/postgres/orm.ts';
import type { TargetEstimate, TargetReceipt, TargetVerification } from '../../src/domain/operations/target.ts';
import type { ExecutionContext, Notary, TargetExecutor } from '../../src/services/operations/ports.ts';
import { operationParts } from './operation-parts.ts';

export const killPoints = ['PLANNING', 'EXECUTING', 'EXECUTED', 'VERIFYING', 'CERTIFYING'] as const;
export type KillAt = (typeof killPoints)[number];

export interface WorkerWork {
  readonly url: string;
  readonly keyDir: string;
  readonly killAt: KillAt | null;
}

/** The world that the executor changes, and what it did there: one row for each effect. */
export const worldTables = `
  create table test_world (dataset_id text, record integer);
  create table test_effect (target_id text, dataset_id text, record integer);`;

/** Erases the records of a dataset one by one; the receipt is drawn from the effects on record. */
class TableExecutor implements TargetExecutor {
  readonly role = 'LAKE_TABLE';
  readonly kinds = ['ERASURE'] as const;
  readonly #em: EntityManager;
  readonly #reach: (point: KillAt) => Promise<void>;

  constructor(em: EntityManager, reach: (point: KillAt) => Promise<void>) {
    this.#em = em;
    this.#reach = reach;
  }

  async plan(place: { datasetId: string }): Promise<TargetEstimate> {
    await this.#reach('PLANNING');
    const records = await this.#recordsOf(place.datasetId);
    return { action: 'REWRITE', files: 1, bytes: 1, records: records.length, seconds: 1, gaps: [], manifest: [] };
  }

  async execute({ place, lease }: ExecutionContext): Promise<TargetReceipt> {
    const { datasetId, targetId } = place;
    for (const record of await this.#recordsOf(datasetId)) {
      await lease.assertHeld();
      await this.#em.fork().execute(
        `with gone as (delete from test_world where dataset_id = ? and record = ? returning record)
         insert into test_effect select ?, ?, record from gone`,
        [datasetId, record, targetId, datasetId],
      );
      await this.#reach('EXECUTING');
    }
    await this.#reach('EXECUTED');
    const [effects] = await this.#em
      .fork()
      .execute<[{ count: string }]>('select count(*) from test_effect where target_id = ?', [targetId]);
    const counts = { filesRewritten: 1, filesRemoved: 0, recordsKept: 0, bytesBefore: 1, bytesAfter: 0 };
    return { recordsErased: Number(effects.count), ...counts, evidence: [], residues: [], open: [] };
  }

  async verify({ place }: ExecutionContext): Promise<TargetVerification> {
    await this.#reach('VERIFYING');
    const survivors = await this.#recordsOf(place.datasetId);
    return { survivors: survivors.length, lost: 0, recordsScanned: survivors.length, method: 'count', open: [] };
  }

  async #recordsOf(datasetId: string): Promise<number[]> {
    const rows = await this.#em
      .fork()
      .execute<{ record: number }[]>('select record from test_world where dataset_id = ? order by record', [datasetId]);
    return rows.map((row) => row.record);
  }
}

async function main(work: WorkerWork): Promise<void> {
  const reach = (point: KillAt): Promise<void> => {
    if (work.killAt !== point) return Promise.resolve();
    process.kill(process.pid, 'SIGKILL');
    return new Promise(() => {});
  };
  const signOrDie = (notary: Notary): Notary => ({
    publicKey: notary.publicKey,
    digest: (value) => notary.digest(value),
    sign: (text) => {
      void reach('CERTIFYING');
      return notary.sign(text);
    },
  });
  const { em } = await openDatabase(work.url);
  const executors = [new TableExecutor(em, reach)];
  const parts = await operationParts({ em, url: work.url, keyDir: work.keyDir, executors, notary: signOrDie });
  await parts.start();
}

const argument = process.argv[2];
// Tests import the names of this module; only its own process has an argument.
if (argument?.startsWith('{')) await main(JSON.parse(argument) as WorkerWork);
