import type { EntityManager } from '@mikro-orm/postgresql';
import { groupOf } from '../../domain/kafka/stream-name.ts';
import { nextGeneration } from '../../domain/kafka/topic-generation.ts';
import type { Gap, TargetReceipt } from '../../domain/operations/target.ts';
import type { TopicRewriteRow } from '../../entities/topic-rewrite.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { ExecutionContext } from '../operations/ports.ts';
import { scanBatches } from './message-batches.ts';
import type { KafkaGateway } from './ports.ts';
import type { TopicAction } from './topic-action.ts';
import { rewriteGroup, TopicCopy } from './topic-copy.ts';
import { gapOf, type RetirementDeps, TopicRetirement } from './topic-retirement.ts';
import { rewriteReceipt } from './topic-rewrite-receipt.ts';
import { abandon, lastGeneration, TopicRewrites, unfinishedRewrites } from './topic-rewrites.ts';
import { type SwitchDeps, TopicSwitch } from './topic-switch.ts';

/** While it is filled, nothing may vanish from a generation or be refused by it; its own settings come when it is whole. */
const copyingConfig = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'max.message.bytes': String(100 * 1024 * 1024),
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.before.max.ms': '9223372036854775807',
  'message.timestamp.after.max.ms': '9223372036854775807',
} as const;

/** Copies of one run whose holds change while they are made. */
const copiesMax = 4;

export interface TopicRewriteDeps extends SwitchDeps, Pick<RetirementDeps, 'quietMs'> {
  readonly em: EntityManager;
  readonly kafka: KafkaGateway;
}

/**
 * Rewrites a topic into its next generation as an action says: copy, switch, compare, purge. Each phase is on record before
 * the next begins, and may be begun again after a kill at any point.
 */
export class TopicRewrite {
  readonly #deps: TopicRewriteDeps;
  readonly #context: ExecutionContext;
  readonly #action: TopicAction;
  readonly #rewrites: TopicRewrites;

  constructor(deps: TopicRewriteDeps, context: ExecutionContext, action: TopicAction) {
    this.#deps = deps;
    this.#context = context;
    this.#action = action;
    this.#rewrites = new TopicRewrites(deps.em, {
      targetId: context.place.targetId,
      fencingToken: context.lease.fencingToken,
    });
  }

  /** @throws LinewardError LEASE_LOST, CANCELLED, UPSTREAM_BEHIND, KAFKA_UNAVAILABLE; call again then, it goes on where it was. */
  async run(): Promise<TargetReceipt> {
    const { place, operationId } = this.#context;
    const open: Gap[] = [];
    for (const row of await unfinishedRewrites(this.#deps.em, place.datasetId)) {
      const isMine = row.workedBy === place.targetId;
      if (!isMine && isBeforeSwitch(row)) await this.#drop(row);
      else if (row.operationId !== operationId && !(await this.#isGone(row))) return this.#receipt([foreignGap(row)]);
      else open.push(...(await this.#finish(await this.#rewrites.adopt(row))));
    }
    const begun = (await this.#rewrites.ofTarget()).some(({ begunBy }) => begunBy === place.targetId);
    if (open.length === 0 && !begun && (await this.#isNeeded()))
      open.push(...(await this.#finish(await this.#begin())));
    return this.#receipt(open);
  }

  /** What was done by a run that ended before its end. A generation that is not in force goes, and all is as it was. */
  async soFar(): Promise<TargetReceipt | null> {
    const rows = await this.#rewrites.ofTarget();
    if (rows.length === 0) return null;
    const open: Gap[] = [];
    for (const row of rows) {
      if (isBeforeSwitch(row)) open.push(...(await this.#drop(row)));
      else if (row.phase !== 'PURGED' && row.phase !== 'ABANDONED') open.push(foreignGap(row));
    }
    return this.#receipt(open);
  }

  async #begin(): Promise<TopicRewriteRow> {
    const { place, operationId } = this.#context;
    const topic = await this.#deps.kafka.describeTopic(place.name);
    if (topic === null) throw new LinewardError('NOT_FOUND', `the broker has no topic ${place.name}`);
    let number = await lastGeneration(this.#deps.em, place.datasetId);
    // A topic of that name may be somebody else’s.
    while ((await this.#deps.kafka.describeTopic(nextGeneration(place.name, number))) !== null) number += 1;
    return this.#rewrites.begin({
      operationId,
      datasetId: place.datasetId,
      source: place.name,
      generation: nextGeneration(place.name, number),
      config: topic.own,
      snapshot: await this.#deps.kafka.offsets(place.name),
    });
  }

  async #finish(begun: TopicRewriteRow): Promise<readonly Gap[]> {
    const row = await this.#switched(begun);
    if (row === null) return [];
    if (isBeforeSwitch(row))
      return [
        gapOf(row, 'RETAINS_CHANGED', `legal holds or minimums changed ${copiesMax} times while it was copied; retry`),
      ];
    const ownGroups = async () => (await this.#deps.streams.streamsFrom(row.datasetId)).map(({ id }) => groupOf(id));
    const deps = { quietMs: this.#deps.quietMs, ownGroups };
    return new TopicRetirement(deps, this.#workOn(row), this.#rewrites).run();
  }

  /** In force; null when nothing is left to be done. What was copied under other holds is thrown away, and copied anew. */
  async #switched(begun: TopicRewriteRow): Promise<TopicRewriteRow | null> {
    let row = begun;
    for (let copies = 0; isBeforeSwitch(row) && copies < copiesMax; copies += 1) {
      if (copies > 0) row = await this.#begin();
      if (await this.#copyAndSwitch(row)) return this.#rewrites.get(row.id);
      await this.#drop(row);
      if (!(await this.#isNeeded())) return null;
    }
    return row;
  }

  async #copyAndSwitch(begun: TopicRewriteRow): Promise<boolean> {
    const { kafka } = this.#deps;
    const source = await kafka.describeTopic(begun.source);
    if (source === null) throw new LinewardError('NOT_FOUND', `the broker has no topic ${begun.source}`);
    await kafka.ensureTopic({
      name: begun.generation,
      partitions: begun.snapshot.length,
      replicas: source.replicas,
      config: { ...begun.config, ...copyingConfig },
    });
    const copy = new TopicCopy(this.#workOn(begun));
    return copy.while(async () => {
      await copy.reach();
      if (!copy.isJudgedBy(await this.#context.selectionNow())) return false;
      const row = begun.phase === 'COPYING' ? await this.#rewrites.move(begun, 'SWITCHING') : begun;
      return new TopicSwitch(this.#deps, this.#workOn(row), this.#rewrites).run(copy);
    });
  }

  /** Reads until a record would not stay as it is. */
  async #isNeeded(): Promise<boolean> {
    const { place, signal } = this.#context;
    const selection = await this.#context.selectionNow();
    const found = new AbortController();
    try {
      await scanBatches(
        this.#deps.kafka,
        place.name,
        async (messages) => {
          const fates = await this.#action.fates(messages, selection);
          if (fates.some(({ kind }) => kind !== 'KEPT')) found.abort();
        },
        { signal: AbortSignal.any([signal, found.signal]) },
      );
    } catch (error) {
      if (!found.signal.aborted || signal.aborted) throw error;
    }
    return found.signal.aborted;
  }

  /** Removes a generation that will never be in force. */
  async #drop(row: TopicRewriteRow): Promise<readonly Gap[]> {
    await abandon(this.#deps.em, [row.id]);
    try {
      await this.#deps.kafka.topics.deleteTopic(row.generation);
      await this.#deps.kafka.topics.deleteGroup(rewriteGroup(row));
      return [];
    } catch {
      return [
        gapOf(
          { source: row.generation },
          'GENERATION_LEFT',
          'it is a copy that nobody needs, and could not be deleted',
        ),
      ];
    }
  }

  async #isGone(row: TopicRewriteRow): Promise<boolean> {
    return (await this.#deps.kafka.describeTopic(row.source)) === null;
  }

  #workOn(row: TopicRewriteRow) {
    return { kafka: this.#deps.kafka, context: this.#context, action: this.#action, row };
  }

  async #receipt(open: readonly Gap[]): Promise<TargetReceipt> {
    return rewriteReceipt(await this.#rewrites.ofTarget(), open, this.#action);
  }
}

const isBeforeSwitch = ({ phase }: TopicRewriteRow): boolean => phase === 'COPYING' || phase === 'SWITCHING';

/** The topic is kept because another operation, or this one in an earlier round, has not come to its end. */
function foreignGap(row: TopicRewriteRow): Gap {
  return gapOf(
    row,
    'GENERATION_OPEN',
    `${row.generation} is in force since operation ${row.operationId}, and the topic before it is not deleted yet: retry that operation, or delete the topic`,
  );
}
