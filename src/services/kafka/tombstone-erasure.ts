import { minimumGap } from '../../domain/governance/minimum-retention.ts';
import type { Selection } from '../../domain/governance/selection.ts';
import { matches, SelectedView } from '../../domain/kafka/table-view.ts';
import {
  type Gap,
  nothingDone,
  type Residue,
  type TargetEstimate,
  type TargetPlace,
  type TargetReceipt,
  type TargetVerification,
} from '../../domain/operations/target.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { ExecutionContext } from '../operations/ports.ts';
import { operationHeader } from './erased-records.ts';
import type { KafkaGateway, KafkaMessage, TopicDescription } from './ports.ts';
import type { RecordReader } from './record-reader.ts';
import type { PausedStream, StreamProgress } from './stream-progress.ts';
import { assertKeysMax, selectedKeysMax, TopicVerification } from './topic-verification.ts';

const tombstonesPerBatch = 500;
const passesMax = 5;
const streamWaitMs = 10_000;
/** Messages a second that a scan reads on one core; only for the estimate. */
const scanRate = 50_000;

export interface TombstoneDeps {
  readonly kafka: KafkaGateway;
  readonly progress: Pick<StreamProgress, 'passed' | 'besides'>;
  readonly records: RecordReader;
  readonly keysMax?: number;
}

/**
 * Erases from compacted topics by tombstones: as a table, the topic holds nothing of the selection afterwards. The middle
 * of a log cannot be cut out, so superseded values leave the disk with compaction, and the receipt says by when.
 */
export class TombstoneErasure {
  readonly #kafka: KafkaGateway;
  readonly #progress: Pick<StreamProgress, 'passed' | 'besides'>;
  readonly #records: RecordReader;
  readonly #keysMax: number;

  constructor(deps: TombstoneDeps) {
    this.#kafka = deps.kafka;
    this.#progress = deps.progress;
    this.#records = deps.records;
    this.#keysMax = deps.keysMax ?? selectedKeysMax;
  }

  /** Null where tombstones do not reach records of the selection: those have no key. */
  async plan(place: TargetPlace, selection: Selection): Promise<TargetEstimate | null> {
    const view = await this.#view(place, selection, { operationId: '' });
    if (view.keyless > 0) return null;
    const offsets = await this.#kafka.offsets(place.name);
    return {
      action: 'TOMBSTONE',
      files: 0,
      bytes: 0,
      records: view.live.length,
      seconds: Math.ceil((2 * view.messages) / scanRate),
      gaps: viewGaps(place, view, selection),
      manifest: offsetsOf(offsets),
    };
  }

  async execute(context: ExecutionContext): Promise<TargetReceipt> {
    const { place } = context;
    const topic = await this.#kafka.describeTopic(place.name);
    if (topic === null) return receipt({ open: [missing(place)] });
    let selection = await context.selectionNow();
    let view = await this.#view(place, selection, context);
    for (let pass = 0; view.live.length > 0 && pass < passesMax; pass += 1) {
      await this.#bury(context, view);
      selection = await context.selectionNow();
      view = await this.#view(place, selection, context);
    }
    const offsets = await this.#kafka.offsets(place.name);
    const { paused } = await this.#progress.passed({ datasetId: place.datasetId, name: place.name }, view.ends, {
      waitMs: streamWaitMs,
      signal: context.signal,
    });
    const besides = await this.#progress.besides(place.datasetId, context.operationId);
    const open: Gap[] = [
      ...viewGaps(place, view, selection),
      ...paused.map((stream) => pausedGap(place, stream)),
      ...besides.map((id) => besidesGap(place, id)),
    ];
    if (view.live.length > 0)
      open.push({ code: 'SURVIVORS', dataset: place.name, reason: 'new records of the subjects keep arriving' });
    return receipt({
      recordsErased: view.tombstoned,
      evidence: offsetsOf(offsets),
      residues: view.tombstoned === 0 ? [] : [supersededResidue(place, topic)],
      open,
    });
  }

  /** The topic itself is the record: each tombstone names the operation that wrote it. */
  async receiptSoFar(context: ExecutionContext): Promise<TargetReceipt | null> {
    const { place } = context;
    const topic = await this.#kafka.describeTopic(place.name);
    if (topic === null) return null;
    const view = await this.#view(place, { act: [], keep: [] }, context);
    return receipt({
      recordsErased: view.tombstoned,
      evidence: offsetsOf(await this.#kafka.offsets(place.name)),
      residues: view.tombstoned === 0 ? [] : [supersededResidue(place, topic)],
    });
  }

  async verify(context: ExecutionContext): Promise<TargetVerification> {
    const { place } = context;
    const topic = await this.#kafka.describeTopic(place.name);
    if (topic === null)
      return { survivors: 0, lost: 0, recordsScanned: 0, method: 'topic does not exist', open: [missing(place)] };
    return new TopicVerification({
      kafka: this.#kafka,
      records: this.#records,
      context,
      keysMax: this.#keysMax,
    }).run();
  }

  async #view(
    place: TargetPlace,
    selection: Selection,
    run: { readonly operationId: string; readonly signal?: AbortSignal },
  ): Promise<SelectedView> {
    const view = new SelectedView(selection, place, run.operationId);
    const pass = this.#records.pass();
    const add = async (message: KafkaMessage) => {
      const content = message.value === null ? null : await pass.read(message.value, message.headers);
      view.add({ ...message, content, operationId: operationOf(message) });
      assertKeysMax(place.name, view.remembered, this.#keysMax);
    };
    await this.#kafka.scan(place.name, add, run.signal);
    return view;
  }

  async #bury(context: ExecutionContext, view: SelectedView): Promise<void> {
    const { live } = view;
    for (let start = 0; start < live.length; start += tombstonesPerBatch) {
      await context.lease.assertHeld();
      const selection = await context.selectionNow();
      const batch = live
        .slice(start, start + tombstonesPerBatch)
        .filter((record) => matches(selection, record.keys, record.date));
      const sent = await this.#kafka.produce(
        context.place.name,
        batch.map(({ partition, key }) => ({
          partition,
          key,
          value: null,
          headers: { [operationHeader]: context.operationId },
        })),
      );
      const refused = sent.find((result) => !result.ok);
      if (refused !== undefined && !refused.ok)
        throw new LinewardError(refused.code, `a tombstone was not written: ${refused.message}`);
      await context.report({
        done: Math.min(start + tombstonesPerBatch, live.length),
        total: live.length,
        unit: 'messages',
      });
    }
  }
}

function operationOf(message: KafkaMessage): string | null {
  return message.headers[operationHeader]?.toString('utf8') ?? null;
}

export function missing(place: TargetPlace): Gap {
  return { code: 'TOPIC_MISSING', dataset: place.name, reason: 'the broker has no such topic' };
}

export function pausedGap(place: TargetPlace, { id, since }: PausedStream): Gap {
  return {
    code: 'STREAM_PAUSED',
    dataset: place.name,
    reason: `stream ${id} is paused since ${since.toISOString()} and has not read the topic to the point of the erasure, which does not wait for it; resume it and retry the operation`,
  };
}

export function besidesGap(place: TargetPlace, streamId: string): Gap {
  return {
    code: 'STREAM_NOT_PLANNED',
    dataset: place.name,
    reason: `stream ${streamId} carries its records to a place that the plan does not name; retry to plan it`,
  };
}

function viewGaps(place: TargetPlace, view: SelectedView, { minimum }: Selection): Gap[] {
  const gaps: Gap[] = view.unreadable
    .reasons()
    .map((reason) => ({ code: 'MESSAGE_UNREADABLE', dataset: place.name, reason }));
  if (view.keyless > 0)
    gaps.push({
      code: 'MESSAGE_WITHOUT_KEY',
      dataset: place.name,
      reason: `${view.keyless} message(s) of the subjects have no key`,
    });
  const kept = minimum === undefined ? null : minimumGap(minimum, view.keptByMinimum);
  if (kept !== null) gaps.push({ ...kept, dataset: place.name });
  return gaps;
}

function supersededResidue(place: TargetPlace, topic: TopicDescription): Residue {
  const waits = ['segment.ms', 'max.compaction.lag.ms'].map((name) => Number(topic.config[name] ?? Number.NaN));
  const total = waits.reduce((sum, wait) => sum + wait, 0);
  const until =
    Number.isFinite(total) && total < 3_650 * 86_400_000 ? new Date(Date.now() + total).toISOString() : null;
  return {
    dataset: place.name,
    reason:
      'superseded values stay in the log until their segment has rolled and is compacted, which takes one later write per partition',
    until,
  };
}

function offsetsOf(offsets: Awaited<ReturnType<KafkaGateway['offsets']>>) {
  return offsets.map(({ partition, earliest, latest }) => ({ partition, earliest, latest }));
}

function receipt(facts: Partial<TargetReceipt>): TargetReceipt {
  return { ...nothingDone, open: [], ...facts };
}
