import type { EntityManager } from '@mikro-orm/postgresql';
import { systemActor } from '../../domain/access/actor.ts';
import { datelessKeys, type PermittedSelection, permittedIn } from '../../domain/governance/permission.ts';
import { isNobody } from '../../domain/governance/selection.ts';
import { type OperationPlan, type PlannedTarget, planHash } from '../../domain/operations/plan.ts';
import { sequenceOf, unmappedDatasets } from '../../domain/operations/reach.ts';
import { mayBecome } from '../../domain/operations/status.ts';
import { type Gap, keyRing, type TargetPlace } from '../../domain/operations/target.ts';
import { type Operation, OperationTargetSchema } from '../../entities/operation.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { DerivedData, DerivedDataReadModel } from '../lineage/derived-data.ts';
import type { PlaceLabels } from '../lineage/place-labels.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import { type ApprovalTerms, awaitApproval, labelledPlan } from './approval-rules.ts';
import { settleDeferral } from './erasure-deferral.ts';
import { executorFor } from './executor-for.ts';
import { lockOperation } from './operation-lock.ts';
import { dropIdentifiers, markHeld, type Retaining, selectionOf, subjectsOf } from './operation-subjects.ts';
import { estimateOf, type MappedPlace, onePerDataset, targetRow } from './planned-targets.ts';
import type { Notary, TargetExecutor } from './ports.ts';

export interface PlannerDeps {
  readonly em: EntityManager;
  readonly registry: RegistryReadModel;
  readonly derivedData: DerivedDataReadModel;
  readonly placeLabels: Pick<PlaceLabels, 'labelsIn'>;
  readonly retains: Retaining;
  readonly executors: readonly TargetExecutor[];
  readonly notary: Notary;
  readonly approval: ApprovalTerms;
}

/**
 * Expands subjects over mappings and lineage into targets, less what keeps them, and freezes the answer under a hash. A dry
 * run is this and nothing more. Planning writes nothing outside the operation's own rows.
 */
export class OperationPlanner {
  readonly #deps: PlannerDeps;

  constructor(deps: PlannerDeps) {
    this.#deps = deps;
  }

  async plan(operationId: string): Promise<void> {
    const operation = await this.#begin(operationId);
    if (operation === null) return;
    const selection = await selectionOf(this.#deps.em, operationId, this.#deps.retains);
    const held = new Set(selection.held.map((selector) => this.#deps.notary.digest(selector)));
    const { targets, gaps } = isNobody(selection)
      ? { targets: [], gaps: [] }
      : operation.kind === 'SHRED'
        ? await this.#keyRing(selection)
        : await this.#targets(operation, selection);
    const subjects = await subjectsOf(this.#deps.em.fork(), operationId);
    const plan: OperationPlan = {
      operationId,
      kind: operation.kind,
      subjects: subjects.map((subject) => ({ digest: subject.digest, held: held.has(subject.digest) })),
      targets,
      gaps,
    };
    const [dateless] = datelessKeys(selection);
    await this.#freeze(operationId, plan, { blocked: isNobody(selection), held, ...(dateless && { dateless }) });
  }

  async #begin(operationId: string): Promise<Operation | null> {
    return this.#deps.em.fork().transactional(async (tx) => {
      const operation = await lockOperation(tx, operationId);
      if (operation.status !== 'REQUESTED' && operation.status !== 'PLANNING') return null;
      operation.status = 'PLANNING';
      operation.updatedAt = new Date();
      return operation;
    });
  }

  /** Keys are one place, whatever holds the values that they encrypted. */
  async #keyRing(selection: PermittedSelection): Promise<{ targets: PlannedTarget[]; gaps: Gap[] }> {
    const { id, namespace, name, role } = keyRing;
    const executor = executorFor(this.#deps.executors, role, 'SHRED');
    if (executor === undefined) throw new LinewardError('INTERNAL', `no executor for ${role}`);
    const fields = selection.act.flatMap(({ subject }) => (subject === undefined ? [] : [subject.field]));
    const keys = { accountField: 'account_id', subjectFields: [...new Set(fields)].sort() };
    const place: TargetPlace = { targetId: '', datasetId: id, namespace, name, role, ...keys };
    const within = permittedIn(place, selection);
    const estimate = await executor.plan(place, within, { kind: 'SHRED', entityId: null });
    const target = { dataset: { id, namespace, name }, role, sequence: 0, ...keys, estimate };
    return { targets: [target], gaps: [...within.gaps, ...estimate.gaps, ...datelessKeys(selection)] };
  }

  async #targets(
    operation: Operation,
    selection: PermittedSelection,
  ): Promise<{ targets: PlannedTarget[]; gaps: Gap[] }> {
    const { registry, derivedData } = this.#deps;
    const entityIds = operation.entityId == null ? await registry.allEntityIds() : [operation.entityId];
    const places = (await registry.placesOf(entityIds)).filter(
      ({ dataset }) => operation.datasetIds == null || operation.datasetIds.includes(dataset.id),
    );
    const ids = places.map((place) => place.dataset.id);
    const derived = await derivedData.derivedFrom(ids);
    const sequence = sequenceOf(ids, derived.steps);
    const targets: PlannedTarget[] = [];
    const { merged, gaps } = onePerDataset(places);
    for (const { mapping, dataset } of merged) {
      // Where it is not sure by which field holds are found, nothing goes by age.
      if (operation.kind === 'RETENTION' && gaps.some((gap) => gap.dataset === dataset.name)) continue;
      const executor = executorFor(this.#deps.executors, mapping.role, operation.kind);
      if (executor === undefined) {
        gaps.push({
          code: 'NO_EXECUTOR',
          dataset: dataset.name,
          reason: `this installation has no way to do a ${operation.kind} in a ${mapping.role}`,
        });
        continue;
      }
      const place: TargetPlace = {
        targetId: '',
        datasetId: dataset.id,
        namespace: dataset.namespace,
        name: dataset.name,
        role: mapping.role,
        accountField: mapping.accountField,
        subjectFields: mapping.subjectFields,
      };
      const within = permittedIn(place, selection);
      gaps.push(...within.gaps);
      if (isNobody(within)) continue;
      const work = { kind: operation.kind, entityId: operation.entityId ?? null };
      const estimate = await estimateOf(executor, { place, selection: within, work });
      gaps.push(...estimate.gaps);
      targets.push({
        dataset: { id: dataset.id, namespace: dataset.namespace, name: dataset.name },
        role: mapping.role,
        sequence: sequence.get(dataset.id) ?? 0,
        accountField: mapping.accountField,
        subjectFields: mapping.subjectFields,
        estimate,
      });
    }
    // A rule is about one table; what is derived from it has rules of its own.
    if (operation.kind === 'RETENTION') gaps.push(...(places.length === 0 ? [noTable] : []));
    else gaps.push(...(await this.#unmappedGaps(places, derived)), ...(await this.#unreached(entityIds, operation)));
    return {
      targets: targets.sort(
        (one, other) => one.sequence - other.sequence || one.dataset.name.localeCompare(other.dataset.name),
      ),
      gaps,
    };
  }

  async #unreached(entityIds: readonly string[], { entityId }: Operation): Promise<readonly Gap[]> {
    const associated = await this.#deps.registry.unmappedAssociations(entityIds, { all: entityId == null });
    return associated.map(({ resource, subject }) => ({
      code: 'ASSOCIATED_UNMAPPED',
      dataset: resource,
      reason: `associated with subject "${subject}", but not mapped: the operation cannot reach it; map the entity to it`,
    }));
  }

  /** One for each dataset that is made of the places, however many steps away, and that no mapping speaks of. */
  async #unmappedGaps(places: readonly MappedPlace[], { steps, complete }: DerivedData): Promise<readonly Gap[]> {
    const carried = await this.#deps.derivedData.carriedFrom(
      places.map(({ mapping, dataset }) => ({
        datasetId: dataset.id,
        keys: [mapping.accountField, ...mapping.subjectFields],
      })),
    );
    const jobs = unmappedDatasets(
      places.map(({ dataset }) => dataset.id),
      steps,
    );
    const datasets = await this.#deps.registry.datasetsById([...jobs.keys()]);
    const names = new Map(datasets.map((dataset) => [dataset.id, dataset.name]));
    const gaps = [...jobs].map(([id, writers]) => ({
      code: 'UNMAPPED_DERIVED',
      dataset: names.get(id) ?? id,
      reason: `${listed('job', writers)} write${writers.length === 1 ? 's' : ''} there, and no entity is mapped to it; ${keysIn(carried.columns.get(id))}`,
    }));
    return [
      ...gaps.sort((one, other) => one.dataset.localeCompare(other.dataset)),
      ...(complete && carried.complete ? [] : [tooFar]),
    ];
  }

  async #freeze(
    operationId: string,
    plan: OperationPlan,
    facts: { blocked: boolean; held: ReadonlySet<string>; dateless?: Gap },
  ): Promise<void> {
    const labelled = await labelledPlan(this.#deps.em, this.#deps.placeLabels, plan);
    await this.#deps.em.fork().transactional(async (tx) => {
      const operation = await lockOperation(tx, operationId);
      if (!mayBecome(operation.status, 'PLANNED')) return;
      const now = new Date();
      operation.plan = plan;
      operation.planHash = planHash(plan);
      operation.plannedAt = now;
      operation.updatedAt = now;
      operation.status = facts.blocked ? 'BLOCKED' : 'PLANNED';
      operation.statusReason = null;
      if (facts.blocked) {
        const why = facts.dateless === undefined ? '' : ` (${facts.dateless.reason})`;
        operation.statusReason = `HOLD_ACTIVE: every subject is under a legal hold${why}; retry when the holds are released.`;
        operation.finishedAt = now;
        await settleDeferral(tx, operation, [heldWhole]);
      }
      if (operation.dryRun) await endDryRun(tx, operation);
      else if (!facts.blocked) await awaitApproval(tx, operation, labelled, this.#deps.approval);
      await tx.nativeDelete(OperationTargetSchema, { operationId, round: operation.round });
      for (const target of plan.targets)
        tx.persist(tx.create(OperationTargetSchema, targetRow(operation, target, now)));
      await markHeld(tx, operationId, facts.held);
      audit(tx, systemActor, {
        action: facts.blocked ? 'blockOperation' : 'planOperation',
        resourceType: 'Operation',
        resourceId: operationId,
        outcome: facts.blocked ? 'REFUSED' : 'SUCCESS',
        details: {
          status: operation.status,
          dryRun: operation.dryRun,
          planHash: operation.planHash,
          targets: plan.targets.length,
          gaps: plan.gaps.length,
          held: facts.held.size,
        },
      });
    });
  }

  /** Says why an operation is not planned yet; it is tried again. */
  async wait(operationId: string, fault: LinewardError): Promise<void> {
    await this.#deps.em.fork().transactional(async (tx) => {
      const operation = await lockOperation(tx, operationId);
      const statusReason = `waiting: ${fault.code}: ${fault.message}`;
      if (operation.status !== 'PLANNING' || operation.statusReason === statusReason) return;
      operation.statusReason = statusReason;
      operation.updatedAt = new Date();
    });
  }

  /** Ends an operation that cannot be planned, with the reason. */
  async fail(operationId: string, error: LinewardError): Promise<void> {
    await this.#deps.em.fork().transactional(async (tx) => {
      const operation = await lockOperation(tx, operationId);
      // A late run of a planned operation's task must not end what is being executed.
      if (operation.status !== 'REQUESTED' && operation.status !== 'PLANNING') return;
      operation.status = 'FAILED';
      operation.statusReason = `${error.code}: ${error.message}`;
      operation.finishedAt = new Date();
      operation.updatedAt = operation.finishedAt;
      if (operation.dryRun) await endDryRun(tx, operation);
      audit(tx, systemActor, {
        action: 'planOperation',
        resourceType: 'Operation',
        resourceId: operationId,
        outcome: 'FAILED',
        details: { status: operation.status, code: error.code },
      });
    });
  }
}

const heldWhole: Gap = { code: 'HOLD_ACTIVE', dataset: '*', reason: 'every subject is under a legal hold' };

const noTable: Gap = {
  code: 'NOT_MAPPED',
  dataset: '*',
  reason: 'no entity is mapped to the table, so nobody can tell which rows a legal hold keeps; map one',
};

/** It ends with its plan. It is not COMPLETED, since nothing was erased. */
async function endDryRun(tx: EntityManager, operation: Operation): Promise<void> {
  operation.finishedAt = operation.updatedAt;
  operation.statusReason ??= 'dry run: it ends with its plan';
  await dropIdentifiers(tx, operation.id);
}

const tooFar: Gap = {
  code: 'LINEAGE_TOO_LARGE',
  dataset: '*',
  reason: 'more is made of these datasets than a plan looks at; what is beyond may hold copies',
};

/** Names that are written out; how many there are is always told. */
const listedMax = 3;

function listed(what: string, names: readonly string[]): string {
  const more = names.length > listedMax ? ` and ${names.length - listedMax} more` : '';
  return `${what}${names.length === 1 ? '' : 's'} ${names.slice(0, listedMax).join(', ')}${more}`;
}

/** What is known of the values by which records are found. */
function keysIn(columns: readonly string[] = []): string {
  if (columns.length === 0) return 'no column of it is known to hold an account or subject';
  return `${listed('column', columns)} hold${columns.length === 1 ? 's' : ''} accounts or subjects`;
}
