import type { EntityManager } from '@mikro-orm/postgresql';

/** A topic of the catalog. Its dataset stays when the topic is rewritten; the name is that of the generation in force. */
export interface NamedTopic {
  readonly datasetId: string;
  readonly name: string;
}

/** Advisory lock that writers to a topic share, and that a switch to the next generation has alone. */
export const topicLockSql = {
  shared: 'select pg_advisory_xact_lock_shared(hashtextextended(?, 0))',
  alone: 'select pg_advisory_xact_lock(hashtextextended(?, 0))',
} as const;

export const topicLock = (datasetId: string): string => `topic:${datasetId}`;

/** Writers join one that has begun for so long, and one that nobody uses waits for them: to begin takes four round trips. */
const joinableMs = 100;
/** Most connections that the writers to one topic hold, whatever Kafka does. */
const sessionsMax = 2;
/** Most connections of a process that wait for writers: the pool has 20, and there are more topics than that. */
const unusedMax = 4;

interface WriteSession {
  readonly topic: Promise<string>;
  writers: number;
  /** False after its time, and when the lock was not got. */
  isJoinable: boolean;
  end(): void;
}

/**
 * Finds the topic behind a name that it had once, and lets nobody write to a topic in the moment in which its next
 * generation takes over: a record written then could stand before one that was written earlier. Writers of a process
 * share a lock in PostgreSQL, so that many of them take one connection.
 */
export class TopicNames {
  readonly #em: EntityManager;
  readonly #sessions = new Map<string, WriteSession[]>();
  /** Sessions that wait for writers. */
  readonly #unused = new Set<WriteSession>();

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** The topic of that name, now or formerly; null when the catalog does not know it. */
  async find(topic: { readonly namespace: string; readonly name: string }): Promise<NamedTopic | null> {
    const [row] = await this.#em.fork().execute<{ id: string; name: string }[]>(
      `select id, name from dataset where id = coalesce(
         (select dataset_id from topic_alias where namespace = ? and name = ?),
         (select id from dataset where namespace = ? and name = ?))`,
      [topic.namespace, topic.name, topic.namespace, topic.name],
    );
    return row === undefined ? null : { datasetId: row.id, name: row.name };
  }

  /** Writes under the name of the generation in force, which stays that until `write` has ended. */
  async writing<T>({ datasetId }: NamedTopic, write: (name: string) => Promise<T>): Promise<T> {
    const session = this.#join(datasetId);
    session.writers += 1;
    this.#unused.delete(session);
    try {
      return await write(await session.topic);
    } finally {
      session.writers -= 1;
      this.#endUnused(datasetId, session);
    }
  }

  #join(datasetId: string): WriteSession {
    const sessions = this.#sessions.get(datasetId) ?? [];
    const last = sessions.at(-1);
    // Writers who always join would hold the lock for ever.
    if (last !== undefined && (last.isJoinable || sessions.length >= sessionsMax)) return last;
    const session = this.#begin(datasetId);
    this.#sessions.set(datasetId, [...sessions, session]);
    return session;
  }

  #begin(datasetId: string): WriteSession {
    const locked = Promise.withResolvers<string>();
    const ended = Promise.withResolvers<void>();
    const session: WriteSession = { topic: locked.promise, writers: 0, isJoinable: true, end: ended.resolve };
    const held = this.#em.fork().transactional(async (tx) => {
      await tx.execute(topicLockSql.shared, [topicLock(datasetId)]);
      const [row] = await tx.execute<{ name: string }[]>('select name from dataset where id = ?', [datasetId]);
      locked.resolve(row?.name ?? '');
      await ended.promise;
    });
    held.catch((error: unknown) => {
      session.isJoinable = false;
      locked.reject(error);
    });
    setTimeout(() => {
      session.isJoinable = false;
      this.#endUnused(datasetId, session);
    }, joinableMs);
    return session;
  }

  /** At the end of its time, with its last writer after that, or where others wait already. */
  #endUnused(datasetId: string, session: WriteSession): void {
    if (session.writers > 0) return;
    if (session.isJoinable) this.#unused.add(session);
    if (session.isJoinable && this.#unused.size <= unusedMax) return;
    session.isJoinable = false;
    this.#leave(datasetId, session);
  }

  #leave(datasetId: string, session: WriteSession): void {
    session.end();
    this.#unused.delete(session);
    const left = (this.#sessions.get(datasetId) ?? []).filter((one) => one !== session);
    if (left.length === 0) this.#sessions.delete(datasetId);
    else this.#sessions.set(datasetId, left);
  }
}
