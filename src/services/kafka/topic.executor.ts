import { isNobody, type Selection } from '../../domain/governance/selection.ts';
import { UnreadableRecords } from '../../domain/kafka/record-content.ts';
import { sourceHeader, sourceOffset } from '../../domain/kafka/topic-generation.ts';
import {
  type Gap,
  nothingDone,
  type OperationWork,
  type TargetEstimate,
  type TargetPlace,
  type TargetReceipt,
  type TargetVerification,
} from '../../domain/operations/target.ts';
import type { TopicRewriteRow } from '../../entities/topic-rewrite.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { assertAsPlanned } from '../operations/as-planned.ts';
import type { ExecutionContext, TargetExecutor } from '../operations/ports.ts';
import { MinimumTally } from './kept-by-minimum.ts';
import { scanBatches } from './message-batches.ts';
import type { KafkaMessage } from './ports.ts';
import { PrefixErasure } from './prefix-erasure.ts';
import type { StreamReadModel } from './stream.read-model.ts';
import { besidesGap, missing, type TombstoneDeps, TombstoneErasure } from './tombstone-erasure.ts';
import type { TopicAction } from './topic-action.ts';
import { TopicErasure } from './topic-erasure.ts';
import { planTopicRewrite } from './topic-plan.ts';
import { TopicRewrite, type TopicRewriteDeps } from './topic-rewrite.ts';
import { TopicRewrites, unfinishedRewrites } from './topic-rewrites.ts';
import type { TopicTransformations } from './topic-transformations.ts';

export interface TopicExecutorDeps extends TombstoneDeps, TopicRewriteDeps {
  readonly streams: StreamReadModel;
  readonly transformations: TopicTransformations;
}

/**
 * Erases, protects and re-encrypts records of topics, by rewriting them into a next generation (ADR 0017). From a compacted
 * topic it erases by tombstones, unless records of the selection have no key; where only what is past its retention stands
 * before them, by moving the start of the log.
 */
export class TopicExecutor implements TargetExecutor {
  readonly role = 'TOPIC';
  readonly kinds = ['ERASURE', 'PROTECTION', 'REWRAP'] as const;
  readonly #deps: TopicExecutorDeps;
  readonly #tombstones: TombstoneErasure;
  readonly #prefixes: PrefixErasure;

  constructor(deps: TopicExecutorDeps) {
    this.#deps = deps;
    this.#prefixes = new PrefixErasure(deps);
    this.#tombstones = new TombstoneErasure(deps);
  }

  async plan(place: TargetPlace, selection: Selection, work: OperationWork): Promise<TargetEstimate> {
    const topic = await this.#deps.kafka.describeTopic(place.name);
    if (topic === null || isNobody(selection)) return { ...nothing, gaps: topic === null ? [missing(place)] : [] };
    const isTable = work.kind === 'ERASURE' && (topic.config['cleanup.policy'] ?? '').includes('compact');
    const tombstones = isTable ? await this.#tombstones.plan(place, selection) : null;
    if (tombstones !== null) return tombstones;
    const prefixes = work.kind === 'ERASURE' ? await this.#prefixes.plan(place, selection, topic) : null;
    if (prefixes !== null) return prefixes;
    return planTopicRewrite(this.#deps, place, { action: await this.#actionOf(place, work), selection });
  }

  async execute(context: ExecutionContext): Promise<TargetReceipt> {
    if (context.planned.action === 'TOMBSTONE') return this.#inPlace(context, await this.#tombstones.execute(context));
    if (context.planned.action === 'DELETE_RECORDS') return this.#inPlace(context, await this.#deleted(context));
    if (context.planned.action !== 'REWRITE') return { ...nothingDone, open: await this.#missing(context.place) };
    const action = await this.#actionOf(context.place, context.work);
    assertAsPlanned(action.mark, context.planned);
    const receipt = await new TopicRewrite(this.#deps, context, action).run();
    return action.erases ? this.#besides(context, receipt) : receipt;
  }

  async receiptSoFar(context: ExecutionContext): Promise<TargetReceipt | null> {
    if (context.planned.action === 'TOMBSTONE') return this.#tombstones.receiptSoFar(context);
    if (context.planned.action === 'DELETE_RECORDS') return this.#prefixes.soFar(context);
    return new TopicRewrite(this.#deps, context, await this.#actionOf(context.place, context.work)).soFar();
  }

  async verify(context: ExecutionContext): Promise<TargetVerification> {
    const { place, planned } = context;
    const open = await this.#missing(place);
    if (open.length > 0) return { survivors: 0, lost: 0, recordsScanned: 0, method: 'topic does not exist', open };
    return planned.action === 'TOMBSTONE' ? this.#tombstones.verify(context) : this.#readBack(context);
  }

  async #deleted(context: ExecutionContext): Promise<TargetReceipt> {
    return this.#besides(context, await this.#prefixes.execute(context));
  }

  async #besides({ place, operationId }: ExecutionContext, receipt: TargetReceipt): Promise<TargetReceipt> {
    const besides = await this.#deps.progress.besides(place.datasetId, operationId);
    return { ...receipt, open: [...receipt.open, ...besides.map((id) => besidesGap(place, id))] };
  }

  /** What is done to a topic as it stands does not reach a generation that was replaced and still exists. */
  async #inPlace(context: ExecutionContext, receipt: TargetReceipt): Promise<TargetReceipt> {
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
    const action = await this.#actionOf(place, context.work);
    const selection = await context.selectionNow();
    const rows = await new TopicRewrites(this.#deps.em, { ...place, ...lease }).ofTarget();
    const unreadable = new UnreadableRecords();
    const kept = new MinimumTally(action, selection);
    let [survivors, recordsScanned] = [0, 0];
    const read = async (messages: readonly KafkaMessage[]) => {
      await lease.assertHeld();
      recordsScanned += messages.length;
      await kept.add(messages);
      const inScope = action.erases ? messages : messages.filter((message) => isHistory(message, rows));
      for (const concern of await action.concerns(inScope, selection)) {
        if (concern === true) survivors += 1;
        else if (concern !== false) unreadable.add(concern);
      }
    };
    await scanBatches(this.#deps.kafka, place.name, read, { signal });
    const compared = rows.flatMap(({ comparison }) => comparison?.partitions ?? []);
    return {
      survivors,
      lost: compared.reduce((sum, { lost }) => sum + lost, 0),
      recordsScanned,
      method: `full read_committed scan of the generation in force${rows.length === 0 ? '' : '; before the purge, each record of the topic beside its copy'}`,
      open: [
        ...unreadable.reasons().map((reason) => ({ code: 'MESSAGE_UNREADABLE', dataset: place.name, reason })),
        ...kept.gaps(place.name),
      ],
    };
  }

  async #actionOf(place: TargetPlace, work: OperationWork): Promise<TopicAction> {
    if (work.kind === 'ERASURE') return new TopicErasure(this.#deps.records, place);
    if (work.kind === 'SHRED' || work.kind === 'RETENTION')
      throw new LinewardError('INTERNAL', `a topic knows no ${work.kind}`);
    return this.#deps.transformations[work.kind](place, work);
  }

  async #missing(place: TargetPlace): Promise<Gap[]> {
    return (await this.#deps.kafka.describeTopic(place.name)) === null ? [missing(place)] : [];
  }
}

/** Values are replaced in what was there; what is written after the switch is the business of streams. */
const isHistory = ({ headers }: KafkaMessage, rows: readonly TopicRewriteRow[]): boolean =>
  rows.length === 0 || rows.some(({ source }) => sourceOffset(headers[sourceHeader], source) !== null);

const nothing = { action: 'NONE', files: 0, bytes: 0, records: 0, seconds: 0, gaps: [], manifest: [] } as const;
