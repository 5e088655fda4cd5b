import { z } from 'zod';
import { isNobody, type Selection } from '../../domain/governance/selection.ts';
import { limitAt, type RetentionLimit, type RetentionRule } from '../../domain/lake/retention.ts';
import type {
  OperationWork,
  TargetEstimate,
  TargetPlace,
  TargetReceipt,
  TargetVerification,
} from '../../domain/operations/target.ts';
import { type LakeTable, LakeTableSchema } from '../../entities/lake-table.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { assertAsPlanned, plannedTransformation } from '../operations/as-planned.ts';
import type { ExecutionContext, TargetExecutor } from '../operations/ports.ts';
import { ContentMarks } from './content-marks.ts';
import type { LakeRewriteDeps } from './file-rewrite.ts';
import { LakeRewrite } from './lake-rewrite.ts';
import { RemovalAction } from './removal-action.ts';
import type { RewriteAction } from './rewrite-action.ts';
import { planRewrite } from './rewrite-plan.ts';
import { RewriteVerification } from './rewrite-verify.ts';
import { tableGap } from './table-gap.ts';
import type { TableTransformation } from './table-transformation.ts';
import { TransformAction } from './transform-action.ts';

/** Makes what an operation does to the values of a table. */
export type TransformationFactory = (place: TargetPlace, work: OperationWork) => Promise<TableTransformation>;

export interface LakeTableDeps extends LakeRewriteDeps {
  readonly transformations: Readonly<Record<'PROTECTION' | 'REWRAP', TransformationFactory>>;
  readonly retention: { ruleOf(datasetId: string): Promise<RetentionRule | null> };
  readonly now: () => Date;
}

const plannedMark = z.object({
  transformation: z.object({ retention: z.object({ dateField: z.string(), days: z.number(), before: z.iso.date() }) }),
});

/** The limit that was approved. */
function plannedLimit({ manifest }: TargetEstimate): RetentionLimit {
  const marks = manifest.map((entry) => plannedMark.safeParse(entry).data?.transformation.retention);
  const limit = marks.find((mark) => mark !== undefined);
  if (limit === undefined) throw new LinewardError('INTERNAL', 'a plan by age without its limit');
  return limit;
}

/** Erases, protects, re-encrypts and retires records of lake tables, file by file, as operations ask. */
export class LakeTableExecutor implements TargetExecutor {
  readonly role = 'LAKE_TABLE';
  readonly kinds = ['ERASURE', 'PROTECTION', 'REWRAP', 'RETENTION'] as const;
  readonly #deps: LakeTableDeps;

  constructor(deps: LakeTableDeps) {
    this.#deps = deps;
  }

  async plan(place: TargetPlace, selection: Selection, work: OperationWork): Promise<TargetEstimate> {
    const table = await this.#tableOf(place);
    const gap = await tableGap(this.#deps, place, table);
    const gaps = gap === null ? [] : [gap];
    if (table === null || gap !== null || isNobody(selection)) {
      return { action: 'NONE', files: 0, bytes: 0, records: 0, seconds: 0, gaps, manifest: [] };
    }
    if (work.kind === 'RETENTION') return this.#planRetention(place, { table, selection });
    const action = await this.#actionOf(place, work);
    const { seen: _, ...estimate } = await planRewrite(this.#deps.store, action, { table, selection, place });
    // What was approved is part of the plan, and is compared before the work begins.
    return { ...estimate, manifest: [...plannedTransformation(action.mark), ...estimate.manifest] };
  }

  async execute(context: ExecutionContext): Promise<TargetReceipt> {
    const work = await this.#workOf(context, await this.#registered(context.place));
    assertAsPlanned(work.action.mark, context.planned);
    await this.#assertRule(context);
    const companions = await context.companions?.();
    return new LakeRewrite(this.#deps, { ...work, companions }).run();
  }

  async receiptSoFar(context: ExecutionContext): Promise<TargetReceipt | null> {
    const table = await this.#tableOf(context.place);
    return table === null ? null : new LakeRewrite(this.#deps, await this.#workOf(context, table)).soFar();
  }

  async verify(context: ExecutionContext): Promise<TargetVerification> {
    const work = await this.#workOf(context, await this.#registered(context.place));
    // Other policies would find faults in what was done, or none where there are some.
    assertAsPlanned(work.action.mark, context.planned);
    return new RewriteVerification(this.#deps, work).run();
  }

  async #workOf(context: ExecutionContext, table: LakeTable) {
    const { place, work, planned } = context;
    const limit = work.kind === 'RETENTION' ? plannedLimit(planned) : null;
    const action = limit === null ? await this.#actionOf(place, work) : new RemovalAction(this.#deps, limit);
    return { context, table, action };
  }

  /** The day that was approved counts, whenever the work begins. */
  async #planRetention(
    place: TargetPlace,
    { table, selection }: { readonly table: LakeTable; readonly selection: Selection },
  ): Promise<TargetEstimate> {
    const rule = await this.#deps.retention.ruleOf(place.datasetId);
    if (rule === null) {
      const gap = {
        code: 'NO_RETENTION_RULE',
        dataset: place.name,
        reason: 'the table has no retention rule any more',
      };
      return { action: 'NONE', files: 0, bytes: 0, records: 0, seconds: 0, gaps: [gap], manifest: [] };
    }
    const action = new RemovalAction(this.#deps, limitAt(rule, this.#deps.now()));
    const { seen, ...estimate } = await planRewrite(this.#deps.store, action, { table, selection, place });
    const manifest = [...plannedTransformation(action.mark), { table: seen }, ...estimate.manifest];
    return { ...estimate, manifest };
  }

  /** @throws LinewardError PLAN_CHANGED when the rule is not the one that was approved. */
  async #assertRule({ work, place, planned }: ExecutionContext): Promise<void> {
    if (work.kind !== 'RETENTION') return;
    const rule = await this.#deps.retention.ruleOf(place.datasetId);
    const { days, dateField } = plannedLimit(planned);
    if (rule?.days === days && rule.dateField === dateField) return;
    throw new LinewardError(
      'PLAN_CHANGED',
      'The retention rule has changed since the plan was approved; request it again.',
    );
  }

  async #actionOf(place: TargetPlace, work: OperationWork): Promise<RewriteAction> {
    if (work.kind === 'ERASURE') return new RemovalAction(this.#deps, null);
    if (work.kind === 'SHRED' || work.kind === 'RETENTION')
      throw new LinewardError('INTERNAL', `a lake table knows no ${work.kind} without a plan`);
    const transformation = await this.#deps.transformations[work.kind](place, work);
    return new TransformAction({ ...this.#deps, marks: new ContentMarks(this.#deps.em) }, transformation);
  }

  #tableOf(place: TargetPlace): Promise<LakeTable | null> {
    return this.#deps.em.fork().findOne(LakeTableSchema, { datasetId: place.datasetId });
  }

  async #registered(place: TargetPlace): Promise<LakeTable> {
    const table = await this.#tableOf(place);
    if (table !== null) return table;
    throw new LinewardError('NOT_FOUND', `no lake table is registered for the dataset ${place.name}`);
  }
}
