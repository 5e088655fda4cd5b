import { z } from 'zod';
import type { ColumnStep } from '../../domain/lineage/graph.ts';

const row = z.object({
  source: z.string(),
  target: z.string(),
  job_namespace: z.string().nullable(),
  job: z.string().nullable(),
  kind: z.enum(['DIRECT', 'INDIRECT']),
  subtype: z.string(),
  masking: z.boolean(),
  valid_from: z.coerce.date().nullable(),
  valid_to: z.coerce.date().nullable(),
  in_force: z.boolean(),
});

export function columnStepOf(value: unknown): ColumnStep {
  const step = row.parse(value);
  return {
    sourceFieldId: step.source,
    targetFieldId: step.target,
    job: step.job === null || step.job_namespace === null ? null : { namespace: step.job_namespace, name: step.job },
    kind: step.kind,
    subtype: step.subtype,
    masking: step.masking,
    validFrom: step.valid_from,
    validTo: step.valid_to,
    isInForce: step.in_force,
  };
}

/** Columns of `column_edge` that {@link columnStepOf} reads beside `in_force`, with the job in `lineage_job`. */
export const edgeColumns = `source_field_id as source, target_field_id as target, lineage_job.namespace as job_namespace,
  lineage_job.name as job, kind, subtype, masking, valid_from, valid_to`;
export const edgeJob = 'left join lineage_job on lineage_job.id = column_edge.stated_by';

/** Fields of one name in datasets that are names of the same data; `twin` is the other one. */
export const twinFields = `dataset_field mine join dataset_symlink on dataset_symlink.dataset_id = mine.dataset_id
  join dataset_field twin on twin.dataset_id = other_id and twin.path = mine.path`;
export const twinColumns = `mine.id as source, twin.id as target, null::text as job_namespace, null::text as job, 'DIRECT' as kind,
  'SYMLINK' as subtype, false as masking, null::timestamptz as valid_from, null::timestamptz as valid_to, true as in_force`;
