import type { Selection } from '../../src/domain/governance/selection.ts';
import type { OperationKind } from '../../src/domain/operations/status.ts';
import type {
  Gap,
  MappingRole,
  TargetEstimate,
  TargetPlace,
  TargetReceipt,
  TargetVerification,
} from '../../src/domain/operations/target.ts';
import type { ExecutionContext, TargetExecutor } from '../../src/services/operations/ports.ts';

/** How a place behaves; what is not said goes well. */
export interface PlaceScript {
  readonly records?: number;
  readonly gaps?: readonly Gap[];
  readonly survivors?: number;
  readonly lost?: number;
  /** Thrown one by one, before anything is done. */
  readonly planFailures?: unknown[];
  readonly failures?: unknown[];
  readonly verifyFailures?: unknown[];
  /** Records erased when `execute` did not come to its end; an error where that cannot be told. */
  readonly erasedSoFar?: number | Error;
  /** Runs within `execute`, between the check of the lease and the change. */
  readonly during?: (context: ExecutionContext) => Promise<void>;
}

export interface ExecutorCall {
  readonly verb: 'plan' | 'execute' | 'verify';
  readonly place: string;
  readonly operationId: string | null;
  readonly selection: Selection;
}

/** An executor at the port whose places behave as scripted, and which remembers what it did. */
export class FakeExecutor implements TargetExecutor {
  readonly role: MappingRole;
  readonly kinds: readonly OperationKind[];
  readonly calls: ExecutorCall[] = [];
  /** Start and end of each `execute` that got past its failures, in order. */
  readonly log: string[] = [];
  readonly #scripts = new Map<string, PlaceScript>();

  constructor(role: MappingRole = 'LAKE_TABLE', kinds: readonly OperationKind[] = ['ERASURE']) {
    this.role = role;
    this.kinds = kinds;
  }

  script(place: { readonly name: string } | undefined, script: PlaceScript): void {
    this.#scripts.set(place?.name ?? '', script);
  }

  callsOf(verb: ExecutorCall['verb'], place: { readonly name: string } | undefined): readonly ExecutorCall[] {
    return this.calls.filter((call) => call.verb === verb && call.place === place?.name);
  }

  async plan(place: TargetPlace, selection: Selection): Promise<TargetEstimate> {
    const script = this.#of(place);
    this.calls.push({ verb: 'plan', place: place.name, operationId: null, selection });
    throwNext(script.planFailures);
    const records = script.records ?? 1;
    return { action: 'REWRITE', files: 1, bytes: 10, records, seconds: 1, gaps: script.gaps ?? [], manifest: [] };
  }

  async execute(context: ExecutionContext): Promise<TargetReceipt> {
    const { place, operationId } = context;
    const script = this.#of(place);
    const selection = await context.selectionNow();
    this.calls.push({ verb: 'execute', place: place.name, operationId, selection });
    throwNext(script.failures);
    this.log.push(`start ${place.name}`);
    await context.report({ done: 0, total: 1, unit: 'files' });
    await script.during?.(context);
    await context.lease.assertHeld();
    this.log.push(`end ${place.name}`);
    return receiptOf(context, selection.act.length === 0 ? 0 : (script.records ?? 1));
  }

  async receiptSoFar(context: ExecutionContext): Promise<TargetReceipt | null> {
    const { erasedSoFar } = this.#of(context.place);
    if (erasedSoFar instanceof Error) throw erasedSoFar;
    return erasedSoFar === undefined ? null : receiptOf(context, erasedSoFar);
  }

  async verify(context: ExecutionContext): Promise<TargetVerification> {
    const script = this.#of(context.place);
    const selection = await context.selectionNow();
    this.calls.push({ verb: 'verify', place: context.place.name, operationId: context.operationId, selection });
    throwNext(script.verifyFailures);
    const { survivors = 0, lost = 0 } = script;
    return { survivors, lost, recordsScanned: 100, method: 'count', open: [] };
  }

  #of(place: TargetPlace): PlaceScript {
    return this.#scripts.get(place.name) ?? {};
  }
}

function receiptOf(context: ExecutionContext, erased: number): TargetReceipt {
  return {
    recordsErased: erased,
    recordsKept: 0,
    filesRewritten: erased > 0 ? 1 : 0,
    filesRemoved: 0,
    bytesBefore: 10,
    bytesAfter: 5,
    evidence: [{ file: 'one', fencingToken: context.lease.fencingToken }],
    residues: [],
    open: [],
  };
}

function throwNext(failures: unknown[] | undefined): void {
  if (failures !== undefined && failures.length > 0) throw failures.shift();
}
