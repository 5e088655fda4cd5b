import type { Selection } from '../../domain/governance/selection.ts';
import type { TargetEstimate, TargetPlace, TargetReceipt, TargetVerification } from '../../domain/operations/target.ts';
import { type LakeTable, LakeTableSchema } from '../../entities/lake-table.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { ExecutionContext, TargetExecutor } from '../operations/ports.ts';
import type { LakeErasureDeps } from './file-erasure.ts';
import { LakeErasure } from './lake-erasure.ts';
import { planLakeErasure, tableGap } from './lake-erasure-plan.ts';
import { LakeVerification } from './lake-erasure-verify.ts';

/** Erases subjects from lake tables, file by file, as operations ask. */
export class LakeTableExecutor implements TargetExecutor {
  readonly role = 'LAKE_TABLE';
  readonly #deps: LakeErasureDeps;

  constructor(deps: LakeErasureDeps) {
    this.#deps = deps;
  }

  async plan(place: TargetPlace, selection: Selection): Promise<TargetEstimate> {
    const table = await this.#tableOf(place);
    const gap = await tableGap(this.#deps, place, table);
    const gaps = gap === null ? [] : [gap];
    if (table === null || gap !== null || selection.act.length === 0) {
      return { action: 'NONE', files: 0, bytes: 0, records: 0, seconds: 0, gaps, manifest: [] };
    }
    return planLakeErasure(this.#deps, place, { table, selection });
  }

  async execute(context: ExecutionContext): Promise<TargetReceipt> {
    return new LakeErasure(this.#deps, context, await this.#registered(context.place)).run();
  }

  async receiptSoFar(context: ExecutionContext): Promise<TargetReceipt | null> {
    const table = await this.#tableOf(context.place);
    return table === null ? null : new LakeErasure(this.#deps, context, table).soFar();
  }

  async verify(context: ExecutionContext): Promise<TargetVerification> {
    return new LakeVerification(this.#deps, context, await this.#registered(context.place)).run();
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
