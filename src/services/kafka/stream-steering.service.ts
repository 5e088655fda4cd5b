import { setTimeout as sleep } from 'node:timers/promises';
import { type EntityManager, LockMode } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { type ReplayStart, type ReplayStep, replaySteps, type SourcePartition } from '../../domain/kafka/replay.ts';
import { groupOf } from '../../domain/kafka/stream-name.ts';
import { Turns } from '../../domain/turns.ts';
import { DatasetSchema } from '../../entities/dataset.entity.ts';
import { type Stream, StreamSchema } from '../../entities/stream.entity.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { KafkaGateway } from './ports.ts';
import type { StreamActivity } from './stream-activity.ts';
import { topicLock, topicLockSql } from './topic-names.ts';

/** Processes look at the catalog each second, and end the batch at which they are; one that was killed is soon forgotten. */
const stopMs = 12_000;
const pollMs = 200;
/**
 * A replay holds its stream with one connection and writes its audit events with another; who waits for the stream has one,
 * too. So few at once leave connections over for those events.
 */
const steeredAtOnce = 4;

export interface ReplayStream {
  readonly id: string;
  readonly from: ReplayStart;
  /** What is read again is written again: the target holds it twice. */
  readonly acceptsDuplicates: boolean;
}

export interface Replayed {
  readonly stream: Stream;
  readonly steps: readonly ReplayStep[];
}

export interface StreamSteeringDeps {
  readonly em: EntityManager;
  readonly kafka: KafkaGateway;
  readonly activity: Pick<StreamActivity, 'statusOf'>;
  /** How long a replay waits for the processes that run a stream which was paused just now. */
  readonly stopMs?: number;
}

/** Pauses and resumes streams, and lets protection streams read again what they have read. */
export class StreamSteeringService {
  readonly #em: EntityManager;
  readonly #kafka: KafkaGateway;
  readonly #activity: Pick<StreamActivity, 'statusOf'>;
  readonly #stopMs: number;
  readonly #turns = new Turns(steeredAtOnce);

  constructor(deps: StreamSteeringDeps) {
    this.#em = deps.em;
    this.#kafka = deps.kafka;
    this.#activity = deps.activity;
    this.#stopMs = deps.stopMs ?? stopMs;
  }

  /** It stops at its next batch boundary, in every process, and keeps its position. */
  pauseStream(actor: Actor, id: string): Promise<Stream> {
    return this.#setState(actor, id, 'PAUSED');
  }

  /** It goes on where it was paused, or where a replay has put it. */
  resumeStream(actor: Actor, id: string): Promise<Stream> {
    return this.#setState(actor, id, 'RUNNING');
  }

  /**
   * Puts a paused protection stream back; it stays paused. Only once no process runs it any more, and each partition is
   * taken over before its offset is set, so that a process that was thought dead can neither write nor set it back.
   * A kill half way leaves some partitions put back: call again.
   * @throws LinewardError NOT_FOUND, BAD_INPUT, STREAM_STATE, REPLAY_REFUSED, KAFKA_UNAVAILABLE
   */
  async replayStream(actor: Actor, replay: ReplayStream): Promise<Replayed> {
    const stream = await this.#replayable(replay);
    await this.#stopped(stream);
    return this.#inTurn(async (tx) => {
      // A resumption, a second replay and a switch of the topic's generation wait for this one.
      const locked = await tx.findOneOrFail(
        StreamSchema,
        { id: stream.id },
        { lockMode: LockMode.PESSIMISTIC_WRITE, refresh: true },
      );
      assertPaused(locked);
      await tx.execute(topicLockSql.shared, [topicLock(stream.sourceDatasetId)]);
      await assertNoSwitch(tx, stream);
      const { name: topic } = await tx.findOneOrFail(DatasetSchema, { id: stream.sourceDatasetId });
      const steps = replaySteps(replay.from, await this.#partitionsOf(stream, topic, replay.from));
      await this.#auditReplay(actor, replay, { topic, steps });
      try {
        const offsets = new Map(steps.map(({ partition, to }) => [partition, String(to)]));
        if (offsets.size > 0)
          await this.#kafka.topics.moveStream({ group: groupOf(stream.id), source: topic }, offsets);
      } catch (error) {
        await this.#auditReplay(actor, replay, { topic, steps, failure: toLinewardError(error).code });
        throw error;
      }
      return { stream: locked, steps };
    });
  }

  async #setState(actor: Actor, id: string, state: Stream['state']): Promise<Stream> {
    return this.#inTurn(async (tx) => {
      const stream = await tx.findOne(StreamSchema, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (stream === null) throw unknownStream();
      if (stream.state === state) return stream;
      stream.state = state;
      stream.stateSince = new Date();
      const action = state === 'PAUSED' ? 'pauseStream' : 'resumeStream';
      audit(tx, actor, { action, resourceType: 'Stream', resourceId: id });
      return stream;
    });
  }

  #inTurn<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return this.#turns.take(() => this.#em.fork().transactional(work));
  }

  async #replayable({ id, acceptsDuplicates }: ReplayStream): Promise<Stream> {
    const stream = await this.#em.fork().findOne(StreamSchema, { id });
    if (stream === null) throw unknownStream();
    if (stream.kind === 'LANDING')
      throw new LinewardError(
        'REPLAY_REFUSED',
        'id: what a landing has read is in its table, and would be there twice; declare a landing of another area to land it again',
        { path: ['id'] },
      );
    if (!acceptsDuplicates)
      throw new LinewardError(
        'BAD_INPUT',
        'acceptsDuplicates: must be true, since what is read again is written to the target again',
        { path: ['acceptsDuplicates'] },
      );
    assertPaused(stream);
    return stream;
  }

  /** The consumer group is not asked: of a member that was killed it knows until the end of its session. */
  async #stopped({ id }: Stream): Promise<void> {
    const deadline = Date.now() + this.#stopMs;
    for (;;) {
      const processes = (await this.#activity.statusOf([id])).get(id)?.processes ?? 0;
      if (processes === 0) return;
      if (Date.now() > deadline)
        throw new LinewardError('STREAM_STATE', `id: ${processes} process(es) have not stopped it yet; try again`, {
          path: ['id'],
        });
      await sleep(pollMs);
    }
  }

  async #partitionsOf({ id }: Stream, topic: string, from: ReplayStart): Promise<readonly SourcePartition[]> {
    const ranges = await this.#kafka.offsets(topic);
    const committed = await this.#kafka.committed(groupOf(id), topic);
    const times = from.kind === 'TIMESTAMP' ? await this.#kafka.topics.offsetsAt(topic, from.at.getTime()) : new Map();
    return ranges.map(({ partition, earliest }) => ({
      partition,
      earliest: BigInt(earliest),
      position: bigintOf(committed.get(partition)),
      atTime: bigintOf(times.get(partition)),
    }));
  }

  /** In a transaction of its own: what is done in Kafka does not come back with the caller's. */
  async #auditReplay(
    actor: Actor,
    { id, from }: ReplayStream,
    done: { readonly topic: string; readonly steps: readonly ReplayStep[]; readonly failure?: string },
  ): Promise<void> {
    const details = {
      from: from.kind,
      topic: done.topic,
      partitions: done.steps.map(({ partition, from: before, to }) => ({
        partition,
        from: String(before),
        to: String(to),
      })),
      ...(done.failure === undefined ? {} : { code: done.failure }),
    };
    const outcome = done.failure === undefined ? 'SUCCESS' : 'FAILED';
    await this.#em.fork().transactional(async (tx) => {
      audit(tx, actor, { action: 'replayStream', resourceType: 'Stream', resourceId: id, outcome, details });
    });
  }
}

const bigintOf = (text: string | undefined): bigint | null => (text === undefined ? null : BigInt(text));

const unknownStream = (): LinewardError =>
  new LinewardError('NOT_FOUND', 'id: there is no such stream', { path: ['id'] });

function assertPaused({ state }: Stream): void {
  if (state === 'PAUSED') return;
  throw new LinewardError('STREAM_STATE', 'id: the stream is running; pause it first, and resume it after the replay', {
    path: ['id'],
  });
}

async function assertNoSwitch(tx: EntityManager, { sourceDatasetId }: Stream): Promise<void> {
  const switching = await tx.execute<unknown[]>(
    "select 1 from topic_rewrite where dataset_id = ? and phase = 'SWITCHING'",
    [sourceDatasetId],
  );
  if (switching.length > 0)
    throw new LinewardError(
      'CONFLICT',
      'id: the source topic is being replaced by its next generation; try again then',
      {
        path: ['id'],
      },
    );
}
