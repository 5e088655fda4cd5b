import { setTimeout as sleep } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Positions } from '../../domain/kafka/offset-map.ts';
import { groupOf } from '../../domain/kafka/stream-name.ts';
import type { Stream } from '../../entities/stream.entity.ts';
import type { MovedGroup } from '../../entities/topic-rewrite.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { StreamReadModel } from './stream.read-model.ts';
import type { CopyWork, TopicCopy } from './topic-copy.ts';
import { topicLock, topicLockSql } from './topic-names.ts';
import { movedGroup, toBigInts, toTexts, translated } from './topic-positions.ts';
import type { TopicRewrites } from './topic-rewrites.ts';

const pollMs = 200;
/** Consumers look at the catalog each second: after so long none of them begins with what it read before. */
const settleMs = 3_000;
const stopMs = 30_000;
/** Longest time in which nobody can write to the topic over the produce API. */
const fenceMs = 10_000;

export interface SwitchDeps {
  readonly em: EntityManager;
  readonly streams: Pick<StreamReadModel, 'streamsFrom' | 'streamsInto' | 'positionsOf'>;
}

/** Positions of the streams out of the topic: those of landings in PostgreSQL, all others in Kafka. */
type StreamPositions = ReadonlyMap<Stream, Positions>;

/**
 * Puts the next generation in the place of a topic. Our streams stand still meanwhile; writers over the produce API wait
 * for the moment in which the rest is copied and the catalog changes, in one transaction, so that nothing written
 * afterwards can stand before what was written earlier.
 */
export class TopicSwitch {
  readonly #deps: SwitchDeps;
  readonly #work: CopyWork;
  readonly #rewrites: TopicRewrites;

  constructor(deps: SwitchDeps, work: CopyWork, rewrites: TopicRewrites) {
    this.#deps = deps;
    this.#work = work;
    this.#rewrites = rewrites;
  }

  /** `copy` is running. False when what keeps records has changed since it began: then nothing is switched. */
  async run(copy: TopicCopy): Promise<boolean> {
    const { kafka, row, context } = this.#work;
    const readers = await this.#deps.streams.streamsFrom(row.datasetId);
    const writers = await this.#deps.streams.streamsInto(row.datasetId);
    await this.#stopped([...readers, ...writers]);
    await copy.reach();
    const from = await this.#positions(readers);
    const to = await translated(kafka, row, from, context.signal);
    const groups = await this.#moveTransforms(from, to);
    return this.#deps.em.fork().transactional(async (tx) => {
      await tx.execute(topicLockSql.alone, [topicLock(row.datasetId)]);
      const copied = await copy.reach(fenceMs);
      await context.lease.assertHeld();
      if (!copy.isJudgedBy(await context.selectionNow())) return false;
      await this.#rename(tx);
      if (!isEqual(from, await this.#positions(readers)))
        throw new LinewardError('UPSTREAM_BEHIND', `a stream out of ${row.source} went on while it had to stand still`);
      await this.#moveLandings(tx, to);
      await this.#rewrites.moveIn(tx, row, 'SWITCHED', {
        copied: Object.fromEntries(toTexts(copied)),
        generationEnds: await this.#generationEnds(),
        groups,
      });
      return true;
    });
  }

  /** The phase of the rewrite keeps them from being started. */
  async #stopped(streams: readonly Stream[]): Promise<void> {
    if (streams.length === 0) return;
    const { kafka, context } = this.#work;
    const deadline = Date.now() + stopMs;
    await sleep(settleMs, undefined, { signal: context.signal });
    for (const { id, kind } of streams) {
      while (await kafka.topics.hasMembers(groupOf(id))) {
        await context.lease.assertHeld();
        if (Date.now() > deadline) throw new LinewardError('UPSTREAM_BEHIND', `stream ${id} does not stop`);
        await sleep(pollMs, undefined, { signal: context.signal });
      }
      // A member that was thought dead may still be in the middle of a transaction.
      const reads = kind === 'PROTECTION' ? await this.#sourceOf(id) : null;
      if (reads !== null) await kafka.topics.fenceStream({ group: groupOf(id), source: reads });
    }
    await context.lease.assertHeld();
  }

  async #sourceOf(streamId: string): Promise<string | null> {
    const [source] = await this.#deps.em
      .fork()
      .execute<{ name: string }[]>(
        'select d.name from stream s join dataset d on d.id = s.source_dataset_id where s.id = ?',
        [streamId],
      );
    return source?.name ?? null;
  }

  async #positions(readers: readonly Stream[]): Promise<StreamPositions> {
    const { kafka, row } = this.#work;
    const positions = new Map<Stream, Positions>();
    for (const stream of readers) {
      const of =
        stream.kind === 'LANDING'
          ? await this.#deps.streams.positionsOf(stream.id)
          : toBigInts(await kafka.committed(groupOf(stream.id), row.source));
      positions.set(stream, of);
    }
    return positions;
  }

  async #moveTransforms(from: StreamPositions, to: StreamPositions): Promise<readonly MovedGroup[]> {
    const moved: MovedGroup[] = [];
    for (const [stream, positions] of to) {
      if (stream.kind === 'PROTECTION' && positions.size > 0)
        await this.#work.kafka.topics.commitOffsets(groupOf(stream.id), this.#work.row.generation, toTexts(positions));
      moved.push(movedGroup(groupOf(stream.id), from.get(stream) ?? new Map(), positions));
    }
    return moved;
  }

  async #rename(tx: EntityManager): Promise<void> {
    const { row, context } = this.#work;
    const { namespace } = context.place;
    const renamed = await tx.execute<unknown[]>('update dataset set name = ? where id = ? and name = ? returning 1', [
      row.generation,
      row.datasetId,
      row.source,
    ]);
    if (renamed.length === 0)
      throw new LinewardError('CONFLICT', `${row.source} is not the topic of its dataset any more`);
    await tx.execute(
      `insert into topic_alias (namespace, name, dataset_id, created_at) values (?, ?, ?, now())
       on conflict (namespace, name) do update set dataset_id = excluded.dataset_id`,
      [namespace, row.source, row.datasetId],
    );
  }

  async #moveLandings(tx: EntityManager, to: StreamPositions): Promise<void> {
    for (const [{ id, kind }, positions] of to) {
      if (kind !== 'LANDING') continue;
      for (const [partition, offset] of positions)
        await tx.execute(
          'update stream_position set next_offset = ?::bigint, updated_at = now() where stream_id = ? and partition = ?',
          [String(offset), id, partition],
        );
    }
  }

  async #generationEnds(): Promise<Record<string, string>> {
    const ranges = await this.#work.kafka.offsets(this.#work.row.generation);
    return Object.fromEntries(ranges.map(({ partition, latest }) => [partition, latest]));
  }
}

const isEqual = (one: StreamPositions, other: StreamPositions): boolean =>
  [...one].every(([stream, positions]) => {
    const now = other.get(stream);
    return now?.size === positions.size && [...positions].every(([partition, offset]) => now.get(partition) === offset);
  });
