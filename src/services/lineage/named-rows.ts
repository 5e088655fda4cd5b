import { newId } from '../../domain/id.ts';
import { keyOf, type PlaceName } from '../../domain/lineage/event-value.ts';
import type { Statements } from '../sql.ts';

interface NamedRow extends PlaceName {
  readonly id: string;
}

/** Answers the row id of a name that was given. */
export type IdOf = (name: PlaceName) => string;

interface NamedTable {
  readonly read: string;
  readonly insert: string;
}

const given = `json_to_recordset(?::json) as given (id text, namespace text, name text, "isNamedOnly" boolean)`;
const datasets: NamedTable = {
  // A topic that was rewritten keeps its former names.
  read: `select dataset.id, namespace, name from dataset join ${given} using (namespace, name)
    union all select dataset_id, namespace, name from topic_alias join ${given} using (namespace, name)`,
  insert: `insert into dataset (id, namespace, name, created_at, named_only)
    select id, namespace, name, now(), "isNamedOnly" from ${given}
    on conflict (namespace, name) do nothing returning id, namespace, name`,
};
const jobs: NamedTable = {
  read: `select lineage_job.id, namespace, name from lineage_job join ${given} using (namespace, name)`,
  insert: `insert into lineage_job (id, namespace, name) select id, namespace, name from ${given}
    on conflict (namespace, name) do nothing returning id, namespace, name`,
};

/** Ids of datasets by their names; those that are not there yet are made. The names are in the order of all writers. */
export function idsOfDatasets(
  tx: Statements,
  names: readonly (PlaceName & { readonly isNamedOnly: boolean })[],
): Promise<IdOf> {
  return idsOf(tx, datasets, names);
}

/** The same of jobs. */
export function idsOfJobs(tx: Statements, names: readonly PlaceName[]): Promise<IdOf> {
  return idsOf(tx, jobs, names);
}

async function idsOf(tx: Statements, table: NamedTable, names: readonly PlaceName[]): Promise<IdOf> {
  const ids = new Map<string, string>();
  const keepRows = async (sql: string): Promise<void> => {
    const rows = names.filter((name) => !ids.has(keyOf(name))).map((name) => ({ ...name, id: newId() }));
    if (rows.length === 0) return;
    const json = JSON.stringify(rows);
    const found = await tx.execute<NamedRow[]>(sql, Array(sql.split('?').length - 1).fill(json));
    for (const row of found) ids.set(keyOf(row), row.id);
  };
  await keepRows(table.read);
  await keepRows(table.insert);
  // What another writer made meanwhile is committed by now.
  await keepRows(table.read);
  return (name) => ids.get(keyOf(name)) ?? '';
}
