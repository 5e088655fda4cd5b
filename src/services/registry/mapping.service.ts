import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { finalStatuses } from '../../domain/operations/status.ts';
import { type Dataset, DatasetSchema, type Mapping, MappingSchema } from '../../entities/dataset.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { keepingScopes } from '../governance/kept-scopes.ts';
import { textArray } from '../sql.ts';

export interface UnmappedEntity {
  readonly entityId: string;
  readonly dataset: Dataset;
}

/** Changes, and takes back, what `RegistryService.mapEntity` said. */
export class MappingService {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /**
   * Removes a mapping: erasures of the entity no longer reach the dataset. Where lineage leads to it, their plans list it as a
   * gap.
   * @throws LinewardError NOT_FOUND; MAPPING_IN_USE while a stream of the entity reads or writes the dataset, or an operation
   * that has not ended has it as a target; HOLD_ACTIVE and RETENTION_LOCKED where that would take data from under a hold or a
   * minimum.
   */
  async unmapEntity(
    actor: Actor,
    which: { readonly id: string } | { readonly entityId: string; readonly namespace: string; readonly name: string },
  ): Promise<UnmappedEntity> {
    return this.#em.fork().transactional(async (tx) => {
      const { mapping, dataset } = await heldMapping(tx, which);
      await assertNoStream(tx, mapping, dataset);
      await assertNoOperation(tx, dataset);
      await keepingScopes(tx, ['id'], () => tx.remove(mapping).flush());
      audit(tx, actor, {
        action: 'unmapEntity',
        resourceType: 'Mapping',
        resourceId: mapping.id,
        details: {
          entityId: mapping.entityId,
          dataset: `${dataset.namespace}/${dataset.name}`,
          role: mapping.role,
          accountField: mapping.accountField,
          subjectFields: mapping.subjectFields,
        },
      });
      return { entityId: mapping.entityId, dataset };
    });
  }

  /**
   * Says what the produce API does with the records of a topic before Kafka sees them; what is absent stays.
   * @throws LinewardError NOT_FOUND; MAPPING_INVALID for a place that is no topic; MAPPING_IN_USE while a stream protects what
   * the topic holds, since what is protected twice is protected wrongly.
   */
  async setProduceGate(
    actor: Actor,
    input: { readonly id: string; readonly protect?: boolean; readonly refuseUntagged?: boolean },
  ): Promise<{ readonly mapping: Mapping; readonly dataset: Dataset }> {
    return this.#em.fork().transactional(async (tx) => {
      const { mapping, dataset } = await heldMapping(tx, { id: input.id });
      if (mapping.role !== 'TOPIC')
        throw new LinewardError('MAPPING_INVALID', 'id: records are produced to topics, and this is none', {
          path: ['id'],
        });
      if (input.protect === true) await assertNoProtection(tx, dataset);
      // The topic has one gate, whichever of its entities the records are of.
      const { protect = mapping.protectOnProduce, refuseUntagged = mapping.refuseUntagged } = input;
      await tx.nativeUpdate(MappingSchema, { datasetId: dataset.id }, { protectOnProduce: protect, refuseUntagged });
      await tx.refresh(mapping);
      audit(tx, actor, {
        action: 'setProduceGate',
        resourceType: 'Mapping',
        resourceId: mapping.id,
        details: { dataset: `${dataset.namespace}/${dataset.name}`, protect, refuseUntagged },
      });
      return { mapping, dataset };
    });
  }
}

async function assertNoProtection(tx: EntityManager, dataset: Dataset): Promise<void> {
  const [stream] = await tx.execute<{ id: string }[]>(
    `select id from stream where source_dataset_id = ? and kind = 'PROTECTION' order by id limit 1`,
    [dataset.id],
  );
  if (stream !== undefined)
    throw new LinewardError(
      'MAPPING_IN_USE',
      `The stream ${stream.id} protects what "${dataset.name}" holds; what is protected already would be protected again.`,
      { path: ['id'] },
    );
}

/** The mapping, with its dataset held: who maps it or makes a stream of it comes before or after. */
async function heldMapping(
  tx: EntityManager,
  which: { readonly id: string } | { readonly entityId: string; readonly namespace: string; readonly name: string },
): Promise<{ readonly mapping: Mapping; readonly dataset: Dataset }> {
  const named =
    'id' in which
      ? await tx.execute<{ dataset_id: string }[]>('select dataset_id from mapping where id = ?', [which.id])
      : await tx.execute<{ dataset_id: string }[]>(
          `select dataset_id from mapping join dataset on dataset.id = dataset_id
           where entity_id = ? and dataset.namespace = ? and dataset.name = ?`,
          [which.entityId, which.namespace, which.name],
        );
  const datasetId = named[0]?.dataset_id;
  if (datasetId === undefined) throw notFound();
  await tx.execute('select 1 from dataset where id = ? for no key update', [datasetId]);
  const by = 'id' in which ? { id: which.id } : { entityId: which.entityId, datasetId };
  const mapping = await tx.findOne(MappingSchema, by);
  if (mapping === null) throw notFound();
  return { mapping, dataset: await tx.findOneOrFail(DatasetSchema, { id: datasetId }) };
}

function notFound(): LinewardError {
  return new LinewardError('NOT_FOUND', 'id: there is no such mapping', { path: ['id'] });
}

async function assertNoStream(tx: EntityManager, { entityId, datasetId }: Mapping, dataset: Dataset): Promise<void> {
  const [stream] = await tx.execute<{ id: string; kind: string }[]>(
    `select id, kind from stream where entity_id = ? and (source_dataset_id = ? or target_dataset_id = ?)
     order by id limit 1`,
    [entityId, datasetId, datasetId],
  );
  if (stream !== undefined)
    throw new LinewardError(
      'MAPPING_IN_USE',
      `The stream ${stream.id} (${stream.kind}) reads or writes "${dataset.name}" for this entity.`,
      { path: ['id'] },
    );
}

async function assertNoOperation(tx: EntityManager, dataset: Dataset): Promise<void> {
  const [operation] = await tx.execute<{ id: string; status: string }[]>(
    `select operation.id, operation.status from operation_target target join operation on operation.id = target.operation_id
     where target.dataset_id = ? and target.round = operation.round and operation.status <> all(?::text[])
     order by operation.id limit 1`,
    [dataset.id, textArray(finalStatuses)],
  );
  if (operation !== undefined)
    throw new LinewardError(
      'MAPPING_IN_USE',
      `The operation ${operation.id} (${operation.status}) has "${dataset.name}" as a target; let it end, or cancel it.`,
      { path: ['id'] },
    );
}
