import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Selection } from '../../domain/governance/selection.ts';
import type { OperationTarget } from '../../entities/operation.entity.ts';
import { OperationSelections, type Retaining } from './operation-subjects.ts';
import { selectionsIn } from './place-selection.ts';
import type { Companion } from './ports.ts';

/** Most operations that come along: each is counted for itself in every file. */
const companionsMax = 50;
/** Most subjects of all of them, as many as one operation may have: the engine holds them all. */
const subjectsMax = 1_000_000;

/** Of a target `t` of an operation `o`: it is approved and due, and nothing upstream of it is left to do. */
const isDue = `(o.status = 'EXECUTING' or o.status = 'APPROVED' and (o.execute_after is null or o.execute_after <= now()))
  and t.status in ('PENDING', 'EXECUTING')
  and not exists (select 1 from operation_target earlier where earlier.operation_id = t.operation_id
    and earlier.round = t.round and earlier.sequence < t.sequence and earlier.status in ('PENDING', 'EXECUTING'))`;

const waitingRow = z.object({ id: z.string(), operation_id: z.string(), subject_fields: z.array(z.string()) });

const nobody: Selection = { act: [], keep: [] };

/**
 * Erasures that are due in the same place. They keep their plans, approvals and certificates; whoever holds the lease of the place
 * may do their work with its own, so that each file is written once for all.
 */
export async function companionsOf(
  { em, retains }: { readonly em: EntityManager; readonly retains: Retaining },
  target: OperationTarget,
  placeName: string,
): Promise<readonly Companion[]> {
  const rows = await em.fork().execute(
    `select id, operation_id, subject_fields from (
     select t.id, t.operation_id, t.subject_fields, o.approved_at, sum(s.subjects) over (order by o.approved_at, t.id) as subjects
     from operation_target t
     join operation o on o.id = t.operation_id and o.round = t.round
     cross join lateral (select count(*) as subjects from operation_subject where operation_id = o.id) s
     where t.dataset_id = ? and t.id <> ? and t.role = ? and t.account_field = ? and o.kind = 'ERASURE' and ${isDue}
       -- Urgent ones are not held up by what others ask for.
       and o.urgent = (select own.urgent from operation own where own.id = ?)
     ) due where subjects <= ${subjectsMax} order by approved_at, id limit ${companionsMax}`,
    [target.datasetId, target.id, target.role, target.accountField, target.operationId],
  );
  return rows.map((row) => {
    const { id, operation_id: operationId, subject_fields: subjectFields } = waitingRow.parse(row);
    const selections = new OperationSelections(em, operationId, retains);
    const inPlace = selectionsIn({ datasetId: target.datasetId, name: placeName, subjectFields });
    return {
      targetId: id,
      // One that is cancelled meanwhile asks for nobody.
      selectionNow: async () => ((await isStillDue(em, id)) ? inPlace(await selections.now()) : nobody),
    };
  });
}

/** True while an urgent operation is due in the place of one that is not urgent. */
export async function isUrgentWaiting(em: EntityManager, target: OperationTarget): Promise<boolean> {
  const rows = await em.fork().execute<unknown[]>(
    `select 1 from operation_target t join operation o on o.id = t.operation_id and o.round = t.round
       where t.dataset_id = ? and o.urgent and ${isDue}
         and not (select own.urgent from operation own where own.id = ?) limit 1`,
    [target.datasetId, target.operationId],
  );
  return rows.length > 0;
}

async function isStillDue(em: EntityManager, targetId: string): Promise<boolean> {
  const rows = await em.fork().execute<unknown[]>(
    `select 1 from operation_target t join operation o on o.id = t.operation_id and o.round = t.round
       where t.id = ? and ${isDue}`,
    [targetId],
  );
  return rows.length > 0;
}
