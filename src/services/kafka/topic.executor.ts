import { isNobody, type Selection } from '../../domain/governance/selection.ts';
import { UnreadableRecords } from '../../domain/kafka/record-content.ts';
import type {
  Gap,
  OperationWork,
  TargetEstimate,
  TargetPlace,
  TargetReceipt,
  TargetVerification,
} from '../../domain/operations/target.ts';
import type { ExecutionContext, TargetExecutor } from '../operations/ports.ts';
import { scanBatches } from './message-batches.ts';
import type { StreamReadModel } from './stream.read-model.ts';
import { besidesGap, missing, type TombstoneDeps, TombstoneErasure } from './tombstone-erasure.ts';
import type { TopicAction } from './topic-action.ts';
import { TopicErasure } from './topic-erasure.ts';
import { planTopicRewrite } from './topic-plan.ts';
import { TopicRewrite, type TopicRewriteDeps } from './topic-rewrite.ts';
import { TopicRewrites, unfinishedRewrites } from './topic-rewrites.ts';

export interface TopicExecutorDeps extends TombstoneDeps, TopicRewriteDeps {
  readonly streams: StreamReadModel;
}

/**
 * Erases from topics: where every record has a key and the topic is compacted by tombstones, else by rewriting it into a
 * next generation (ADR 0015).
 */
export class TopicExecutor implements TargetExecutor {
  readonly role = 'TOPIC';
  readonly kinds = ['ERASURE'] as const;
  readonly #deps: TopicExecutorDeps;
  readonly #tombstones: TombstoneErasure;

  constructor(deps: TopicExecutorDeps) {
    this.#deps = deps;
    this.#tombstones = new TombstoneErasure(deps);
  }

  async plan(place: TargetPlace, selection: Selection, _work: OperationWork): Promise<TargetEstimate> {
    const topic = await this.#deps.kafka.describeTopic(place.name);
    if (topic === null || isNobody(selection)) return { ...nothing, gaps: topic === null ? [missing(place)] : [] };
    const isCompacted = (topic.config['cleanup.policy'] ?? '').includes('compact');
    const tombstones = isCompacted ? await this.#tombstones.plan(place, selection) : null;
    return tombstones ?? planTopicRewrite(this.#deps, place, { action: this.#actionOf(place), selection });
  }

  async execute(context: ExecutionContext): Promise<TargetReceipt> {
    if (context.planned.action === 'TOMBSTONE') return this.#bury(context);
    if (context.planned.action !== 'REWRITE') return { ...nothingDone, open: await this.#missing(context.place) };
    const receipt = await this.#rewrite(context).run();
    const besides = await this.#deps.progress.besides(context.place.datasetId, context.operationId);
    return { ...receipt, open: [...receipt.open, ...besides.map((id) => besidesGap(context.place, id))] };
  }

  async receiptSoFar(context: ExecutionContext): Promise<TargetReceipt | null> {
    return context.planned.action === 'TOMBSTONE'
      ? this.#tombstones.receiptSoFar(context)
      : this.#rewrite(context).soFar();
  }

  async verify(context: ExecutionContext): Promise<TargetVerification> {
    const { place, planned } = context;
    const open = await this.#missing(place);
    if (open.length > 0) return { survivors: 0, lost: 0, recordsScanned: 0, method: 'topic does not exist', open };
    return planned.action === 'TOMBSTONE' ? this.#tombstones.verify(context) : this.#readBack(context);
  }

  /** Tombstones do not reach a generation that was replaced and still exists. */
  async #bury(context: ExecutionContext): Promise<TargetReceipt> {
    const receipt = await this.#tombstones.execute(context);
    const before = await unfinishedRewrites(this.#deps.em, context.place.datasetId);
    const open: Gap[] = before.map(({ source, operationId }) => ({
      code: 'GENERATION_OPEN',
      dataset: source,
      reason: `it was replaced by operation ${operationId} and is not deleted yet; retry that operation, or delete the topic`,
    }));
    return { ...receipt, open: [...receipt.open, ...open] };
  }

  /** The generation in force, from its start to its end. What is missing was told by comparing before the purge. */
  async #readBack(context: ExecutionContext): Promise<TargetVerification> {
    const { place, signal, lease } = context;
    const action = this.#actionOf(place);
    const selection = await context.selectionNow();
    const unreadable = new UnreadableRecords();
    let [survivors, recordsScanned] = [0, 0];
    const read = async (messages: Parameters<TopicAction['concerns']>[0]) => {
      await lease.assertHeld();
      recordsScanned += messages.length;
      for (const concern of await action.concerns(messages, selection)) {
        if (concern === true) survivors += 1;
        else if (concern !== false) unreadable.add(concern);
      }
    };
    await scanBatches(this.#deps.kafka, place.name, read, { signal });
    const rows = await new TopicRewrites(this.#deps.em, { ...place, ...lease }).ofTarget();
    const compared = rows.flatMap(({ comparison }) => comparison?.partitions ?? []);
    return {
      survivors,
      lost: compared.reduce((sum, { lost }) => sum + lost, 0),
      recordsScanned,
      method:
        'full read_committed scan of the generation in force; before the purge, each record of the topic beside its copy',
      open: unreadable.reasons().map((reason) => ({ code: 'MESSAGE_UNREADABLE', dataset: place.name, reason })),
    };
  }

  #rewrite(context: ExecutionContext): TopicRewrite {
    return new TopicRewrite(this.#deps, context, this.#actionOf(context.place));
  }

  #actionOf(place: TargetPlace): TopicAction {
    return new TopicErasure(this.#deps.records, place);
  }

  async #missing(place: TargetPlace): Promise<Gap[]> {
    return (await this.#deps.kafka.describeTopic(place.name)) === null ? [missing(place)] : [];
  }
}

const nothing = { action: 'NONE', files: 0, bytes: 0, records: 0, seconds: 0, gaps: [], manifest: [] } as const;

const nothingDone = {
  recordsErased: 0,
  recordsKept: 0,
  filesRewritten: 0,
  filesRemoved: 0,
  bytesBefore: 0,
  bytesAfter: 0,
  evidence: [],
  residues: [],
} as const;
