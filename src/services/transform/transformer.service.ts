import type { EntityManager } from '@mikro-orm/postgresql';
import { type Actor, standing } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import { assertSchedule, dueAfter, type RunSchedule } from '../../domain/transform/run-schedule.ts';
import type { SpecIssue } from '../../domain/transform/spec-issue.ts';
import { type LakeTable, LakeTableSchema } from '../../entities/lake-table.entity.ts';
import {
  type Transformer,
  TransformerSchema,
  type TransformerVersion,
  TransformerVersionSchema,
} from '../../entities/transformer.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { foreignTableEngine, foreignTableReason } from '../lake/foreign-table.ts';
import type { LakeStore } from '../lake/ports.ts';
import { claimLocation, taken } from '../lake/table-places.ts';
import { mapEntityIn } from '../registry/registry.service.ts';
import type { SourceRights } from './source-rights.ts';
import type { GivenTransformer, KnownTransformer } from './transformer-facts.ts';

export interface TransformerServiceDeps {
  readonly em: EntityManager;
  readonly store: LakeStore;
  readonly rights: Pick<SourceRights, 'check' | 'assertNewest'>;
}

export interface CreatedVersion {
  readonly transformer: Transformer;
  readonly version: TransformerVersion;
}

const issuesMax = 100;

/** Takes documents, makes versions and their tables of them, and retires transformers. */
export class TransformerService {
  readonly #deps: TransformerServiceDeps;

  constructor(deps: TransformerServiceDeps) {
    this.#deps = deps;
  }

  /** All that is wrong with a document; nothing for one that the actor could make a version of now. */
  async validate(actor: Actor, given: GivenTransformer): Promise<readonly SpecIssue[]> {
    const checked = await this.#deps.rights.check(actor, given, { isNew: true, what: 'validateTransformer' });
    return checked.ok ? [] : checked.issues.slice(0, issuesMax);
  }

  /**
   * The next version of the transformer of that name, the first of a new one. It gets an empty table in the lake, which is mapped to
   * the entity, so that operations know it before its first row.
   * @throws LinewardError TRANSFORMER_INVALID with `details.issues`, TRANSFORMER_STATE for a retired one, LAKE_LOCATION_TAKEN,
   * LAKE_TABLE_REFUSED
   */
  async create(actor: Actor, given: GivenTransformer): Promise<CreatedVersion> {
    const checked = await this.#deps.rights.check(actor, given, { isNew: true, what: 'createTransformer' });
    if (!checked.ok) throw invalid(checked.issues);
    await this.#assertEmpty(checked.location);
    return this.#deps.em.fork().transactional(async (tx) => {
      const transformer = await transformerIn(tx, actor, checked.spec.name);
      const table = await tableIn(tx, checked, this.#deps.store.namespace);
      const version = tx.create(TransformerVersionSchema, {
        id: newId(),
        transformerId: transformer.id,
        number: (await tx.count(TransformerVersionSchema, { transformerId: transformer.id })) + 1,
        document: given.document,
        orders: given.orders,
        tableId: table.id,
        datasetId: table.datasetId,
        createdBy: actor.id,
        createdAt: new Date(),
      });
      await tx.persist(version).flush();
      for (const [source, { datasetId }] of [...checked.sources, ...checked.lookups].entries())
        if (datasetId !== null)
          await tx.execute('insert into transform_source (version_id, source, dataset_id) values (?, ?, ?)', [
            version.id,
            source,
            datasetId,
          ]);
      audit(tx, actor, {
        action: 'createTransformer',
        resourceType: 'TransformerVersion',
        resourceId: version.id,
        details: { name: transformer.name, number: version.number, location: table.location },
      });
      return { transformer, version };
    });
  }

  /** Nothing runs of it any more; what it made stays. @throws LinewardError NOT_FOUND, TRANSFORMER_STATE while a run is under way */
  async retire(actor: Actor, id: string): Promise<Transformer> {
    return this.#deps.em.fork().transactional(async (tx) => {
      const transformer = await lockedTransformer(tx, id);
      if (transformer.retiredAt != null) return transformer;
      const open = await tx.execute('select 1 from transform_run where transformer_id = ? and finished_at is null', [
        id,
      ]);
      if (open.length > 0)
        throw new LinewardError('TRANSFORMER_STATE', 'id: a run of it is under way; cancel that, or wait for its end', {
          path: ['id'],
        });
      Object.assign(transformer, { retiredAt: new Date(), retiredBy: actor.id, dueAt: null });
      audit(tx, actor, {
        action: 'retireTransformer',
        resourceType: 'Transformer',
        resourceId: id,
        details: { name: transformer.name },
      });
      return transformer;
    });
  }

  /**
   * Sets when it runs by itself; never for null. A schedule that goes on after a pause begins with the next time that comes. Its
   * runs read in the name of who set it.
   * @throws LinewardError NOT_FOUND, BAD_INPUT, TRANSFORMER_STATE for a retired one; FORBIDDEN for who may not read what it reads
   */
  async schedule(actor: Actor, id: string, schedule: RunSchedule | null): Promise<Transformer> {
    if (schedule !== null) {
      assertSchedule(schedule);
      await this.#deps.rights.assertNewest(actor, id, 'scheduleTransformer');
    }
    return this.#deps.em.fork().transactional(async (tx) => {
      const transformer = await lockedTransformer(tx, id);
      if (transformer.retiredAt != null)
        throw new LinewardError('TRANSFORMER_STATE', 'id: the transformer was retired', { path: ['id'] });
      const isOn = schedule !== null && !schedule.paused;
      const scheduleOwner = schedule === null ? null : standing(actor);
      Object.assign(transformer, { schedule, scheduleOwner, dueAt: isOn ? dueAfter(schedule, new Date()) : null });
      audit(tx, actor, {
        action: 'scheduleTransformer',
        resourceType: 'Transformer',
        resourceId: id,
        details: { name: transformer.name, ...schedule },
      });
      return transformer;
    });
  }

  /** Rows of others would be searched for keys and be taken for ours. */
  async #assertEmpty(location: string): Promise<void> {
    const { store } = this.#deps;
    const engine = await foreignTableEngine(store, location);
    if (engine !== null)
      throw new LinewardError('LAKE_TABLE_REFUSED', foreignTableReason(engine, location), {
        path: ['resource', 'path'],
      });
    if ((await store.list(location)).length === 0) return;
    throw new LinewardError(
      'LAKE_LOCATION_TAKEN',
      `resource.path: there are files at ${location}, which no transformer made`,
      {
        path: ['resource', 'path'],
      },
    );
  }
}

export function invalid(issues: readonly SpecIssue[]): LinewardError {
  const [first] = issues;
  const others = issues.length > 1 ? ` (and ${issues.length - 1} more; validateTransformer lists all)` : '';
  const at = first === undefined || first.path === '' ? '' : `${first.path}: `;
  return new LinewardError('TRANSFORMER_INVALID', `${at}${first?.message ?? ''}${others}`, {
    path: ['document', ...(first?.path.split(/[.[\]]+/u).filter((part) => part !== '') ?? [])],
    details: { issues: issues.slice(0, issuesMax) },
  });
}

async function transformerIn(tx: EntityManager, actor: Actor, name: string): Promise<Transformer> {
  await tx.execute(
    `insert into transformer (id, name, created_by, created_at) values (?, ?, ?, now()) on conflict (name) do nothing`,
    [newId(), name, actor.id],
  );
  await tx.execute('select 1 from transformer where name = ? for update', [name]);
  const transformer = await tx.findOneOrFail(TransformerSchema, { name });
  if (transformer.retiredAt == null) return transformer;
  throw new LinewardError(
    'TRANSFORMER_STATE',
    'document.name: the transformer of that name was retired; take another name',
    {
      path: ['document', 'name'],
    },
  );
}

/** @throws LinewardError NOT_FOUND */
export async function lockedTransformer(tx: EntityManager, id: string): Promise<Transformer> {
  await tx.execute('select 1 from transformer where id = ? for update', [id]);
  const transformer = await tx.findOne(TransformerSchema, { id });
  if (transformer === null) throw new LinewardError('NOT_FOUND', 'id: there is no such transformer', { path: ['id'] });
  return transformer;
}

async function tableIn(
  tx: EntityManager,
  { compiled, resource, location }: KnownTransformer,
  namespace: string,
): Promise<LakeTable> {
  const known = await claimLocation(tx, location);
  if (known !== null) throw taken(location, known);
  const { accountField, subjectFields, merge } = compiled;
  const { dataset } = await mapEntityIn(tx, {
    entityId: resource.entityId,
    dataset: { namespace, name: location },
    role: 'LAKE_TABLE',
    accountField,
    subjectFields,
  });
  const table = tx.create(LakeTableSchema, {
    id: newId(),
    datasetId: dataset.id,
    location,
    origin: 'TRANSFORMED',
    partitioning: merge.partition === null ? 'NONE' : 'YMD',
    dateField: merge.partition?.column ?? null,
    columns: merge.columns,
    createdAt: new Date(),
  });
  await tx.persist(table).flush();
  await tx.execute('insert into lake_index (id, attempt) values (?, 0)', [table.id]);
  return table;
}
