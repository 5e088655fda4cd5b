import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/postgresql';
import { newId } from '../../src/domain/id.ts';
import type { LakeTable } from '../../src/entities/lake-table.entity.ts';
import { LakeReadModel, type LakeTableSummary } from '../../src/services/lake/lake.read-model.ts';
import { TableIndexer } from '../../src/services/lake/table-indexer.ts';
import { type LakeParts, messageKeys, tableNamed } from './lake.ts';
import { plainDuckdb } from './plain-table.ts';
import { type TestRecord, writeAvro } from './record-files.ts';

const text = { type: ['null', 'string'], default: null };
const schema = {
  type: 'record',
  name: 'Message',
  fields: ['account_sid', 'to'].map((name) => ({ name, ...text })),
};

export interface Sent {
  readonly account: string;
  readonly to: string;
}

const recordsOf = (sent: readonly Sent[]): readonly TestRecord[] =>
  sent.map(({ account, to }) => ({ account_sid: account, to }));

/** Lines of equal length for accounts and numbers of equal length. */
export const linesOf = (sent: readonly Sent[]): string =>
  recordsOf(sent)
    .map((record) => `${JSON.stringify(record)}\n`)
    .join('');

/** Writes a file as its name tells, in place if it is there. */
export async function writeSent(local: string, sent: readonly Sent[]): Promise<void> {
  await mkdir(dirname(local), { recursive: true });
  if (local.endsWith('.avro')) await writeAvro(local, recordsOf(sent), { codec: 'deflate', schema });
  else if (local.endsWith('.ndjson')) await writeFile(local, linesOf(sent));
  else {
    const rows = sent.map(({ account, to }) => `('${account}', '${to}')`).join(', ');
    await plainDuckdb(`COPY (SELECT * FROM (VALUES ${rows}) t(account_sid, "to")) TO '${local}' (FORMAT parquet)`);
  }
}

/** A table that others write, as a registration leaves it: mapped, and with an index that is not begun. */
export async function foreignTable({ em, store }: LakeParts): Promise<LakeTable> {
  const [id, datasetId] = [newId(), newId()];
  const location = `foreign/${id}`;
  await em.fork().transactional(async (run) => {
    // Nobody listens here, so the rows need not be announced.
    await run.execute("set local session_replication_role = 'replica'");
    await run.execute('insert into dataset (id, namespace, name, created_at) values (?, ?, ?, now())', [
      datasetId,
      store.namespace,
      location,
    ]);
    await run.execute(
      `insert into lake_table (id, dataset_id, location, origin, partitioning, columns, created_at)
       values (?, ?, ?, 'REGISTERED', 'NONE', '[]', now())`,
      [id, datasetId, location],
    );
    await run.execute('insert into lake_index (id, attempt) values (?, 0)', [id]);
  });
  const table = await tableNamed(em, id);
  await mapToMessages(em, table);
  return table;
}

/** Says that a table holds messages. */
export async function mapToMessages(em: EntityManager, { datasetId }: LakeTable): Promise<void> {
  await em.fork().transactional(async (run) => {
    // Of an entity that nobody asks for.
    await run.execute("set local session_replication_role = 'replica'");
    await run.execute(
      `insert into mapping (id, entity_id, dataset_id, role, account_field, subject_fields, created_at)
       values (?, ?, ?, 'LAKE_TABLE', ?, ?::text[], now())`,
      [newId(), newId(), datasetId, messageKeys.accountField, `{${messageKeys.subjectFields.join(',')}}`],
    );
  });
}

/** Longer than the steps in which a disk tells the time. */
const restMs = 30;

export const indexerOf = (
  { em, store, index }: LakeParts,
  times: { readonly stepMs?: number; readonly restMs?: number } = {},
): TableIndexer => new TableIndexer({ em, store, index, restMs, stepMs: 60_000, ...times });

export const quietRun = (signal = new AbortController().signal) => ({ signal, report: async () => undefined });

const hasEnded = async ({ em }: LakeParts, { id }: LakeTable): Promise<boolean> =>
  (await em.fork().execute<unknown[]>('select 1 from lake_index where id = ? and as_of = listed_at', [id])).length > 0;

/** A whole round: the table is listed, and everything that has come to rest is indexed. */
export async function caughtUp(parts: LakeParts, table: LakeTable, indexer = indexerOf(parts)): Promise<void> {
  do {
    await indexer.run(table.id, quietRun());
    await sleep(restMs);
  } while (!(await hasEnded(parts, table)));
}

/** Registers the files of a table that lie there, and indexes them by the keys of messages. */
export async function indexed({ em, store, index }: LakeParts, table: LakeTable): Promise<void> {
  const files = await store.list(table.location);
  await em.fork().execute(
    `insert into lake_file (id, table_id, path, bytes, version, rows, created_at, updated_at)
     select f.id, ?, f.path, f.bytes, f.version, 0, now(), now()
     from jsonb_to_recordset(?::jsonb) as f(id text, path text, bytes bigint, version text)`,
    [table.id, JSON.stringify(files.map((file) => ({ id: newId(), ...file })))],
  );
  await index.refresh(
    table,
    files.map(({ path }) => path),
    messageKeys,
  );
}

export async function summaryOf({ em }: LakeParts, table: LakeTable): Promise<LakeTableSummary> {
  const summary = (await new LakeReadModel({ em }).summaryOfDatasets([table.datasetId])).get(table.datasetId);
  if (summary === undefined) throw new Error('the table is gone');
  return summary;
}
