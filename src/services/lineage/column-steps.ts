import { z } from 'zod';
import type { EdgeGraph } from '../../domain/lineage/edge-graph.ts';
import { twinId } from '../../domain/lineage/edge-list.ts';
import type { ColumnStep } from '../../domain/lineage/graph.ts';
import { numberArray, type Statements } from '../sql.ts';

/** Fields of one name in datasets that are names of the same data; `twin` is the other one. */
export const twinFields = `dataset_field mine join dataset_symlink on dataset_symlink.dataset_id = mine.dataset_id
  join dataset_field twin on twin.dataset_id = other_id and twin.path = mine.path`;

const stepRow = z.object({
  id: z.number(),
  job_namespace: z.string().nullable(),
  job: z.string().nullable(),
  kind: z.enum(['DIRECT', 'INDIRECT']),
  subtype: z.string(),
  masking: z.boolean(),
  valid_from: z.coerce.date(),
  valid_to: z.coerce.date().nullable(),
});
const twin = { job: null, kind: 'DIRECT', subtype: 'SYMLINK', masking: false, validFrom: null, validTo: null } as const;

/** What is known of edges of the graph of columns, by their rows; an edge that is gone meanwhile is not there. */
export async function columnStepsOf(
  sql: Statements,
  { edges }: EdgeGraph,
  rows: readonly number[],
): Promise<ReadonlyMap<number, ColumnStep>> {
  const ids = rows.map((row) => edges.ids[row] ?? twinId);
  const found = await sql.execute(
    `select column_edge.id::float8 as id, lineage_job.namespace as job_namespace, lineage_job.name as job, kind, subtype, masking,
       valid_from, valid_to
     from column_edge left join lineage_job on lineage_job.id = stated_by where column_edge.id = any(?::bigint[])`,
    [numberArray(ids.filter((id) => id !== twinId))],
  );
  const byId = new Map(found.map((row) => stepRow.parse(row)).map((step) => [step.id, step]));
  const steps = new Map<number, ColumnStep>();
  for (const row of rows) {
    const ends = { source: edges.sources[row] ?? 0, target: edges.targets[row] ?? 0 };
    const id = edges.ids[row] ?? twinId;
    const step = byId.get(id);
    if (id === twinId) steps.set(row, { ...ends, ...twin });
    else if (step !== undefined) steps.set(row, { ...ends, ...shaped(step) });
  }
  return steps;
}

function shaped(step: z.infer<typeof stepRow>): Omit<ColumnStep, 'source' | 'target'> {
  const { job, job_namespace: namespace, kind, subtype, masking } = step;
  return {
    job: job === null || namespace === null ? null : { namespace, name: job },
    kind,
    subtype,
    masking,
    validFrom: step.valid_from,
    validTo: step.valid_to,
  };
}
