import type { EntityManager } from '@mikro-orm/postgresql';
import { newId } from '../../domain/id.ts';
import { generationOf } from '../../domain/kafka/topic-generation.ts';
import { type RewritePhase, type TopicRewriteRow, TopicRewriteSchema } from '../../entities/topic-rewrite.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { textArray } from '../sql.ts';

type Begun = Pick<TopicRewriteRow, 'operationId' | 'datasetId' | 'source' | 'generation' | 'config' | 'snapshot'>;
type Facts = Partial<Pick<TopicRewriteRow, 'copied' | 'generationEnds' | 'groups' | 'late' | 'comparison' | 'purge'>>;

const columns = {
  copied: 'copied',
  generationEnds: 'generation_ends',
  groups: 'groups',
  late: 'late',
  comparison: 'comparison',
  purge: 'purge',
} as const satisfies Record<keyof Facts, string>;

/**
 * The record of rewrites. Every write carries the fencing token of the lease, so that a worker which was thought dead and
 * comes back changes nothing: it gets LEASE_LOST.
 */
export class TopicRewrites {
  readonly #em: EntityManager;
  readonly #targetId: string;
  readonly #fencingToken: number;

  constructor(em: EntityManager, target: { readonly targetId: string; readonly fencingToken: number }) {
    this.#em = em;
    this.#targetId = target.targetId;
    this.#fencingToken = target.fencingToken;
  }

  /** All that the target has worked on, oldest first. */
  ofTarget(): Promise<readonly TopicRewriteRow[]> {
    return this.#em.fork().find(TopicRewriteSchema, { workedBy: this.#targetId }, { orderBy: { createdAt: 'asc' } });
  }

  async begin(begun: Begun): Promise<TopicRewriteRow> {
    const id = newId();
    const rows = await this.#em.fork().execute<unknown[]>(
      `insert into topic_rewrite (id, operation_id, begun_by, worked_by, dataset_id, source, generation, phase, config,
                                  snapshot, created_at, updated_at)
       select ?, ?, t.id, t.id, ?, ?, ?, 'COPYING', ?::jsonb, ?::jsonb, now(), now()
       from operation_target t where t.id = ? and t.fencing_token <= ? returning 1`,
      [
        id,
        begun.operationId,
        begun.datasetId,
        begun.source,
        begun.generation,
        JSON.stringify(begun.config),
        JSON.stringify(begun.snapshot),
        this.#targetId,
        this.#fencingToken,
      ],
    );
    if (rows.length === 0) throw new LinewardError('LEASE_LOST');
    return this.get(id);
  }

  /** A retry goes on with what an earlier round has begun. */
  async adopt(row: TopicRewriteRow): Promise<TopicRewriteRow> {
    if (row.workedBy === this.#targetId) return row;
    await this.#em
      .fork()
      .execute('update topic_rewrite set worked_by = ?, updated_at = now() where id = ?', [this.#targetId, row.id]);
    return this.get(row.id);
  }

  /** To another phase, or to the same with new facts. */
  async move(row: TopicRewriteRow, to: RewritePhase, facts: Facts = {}): Promise<TopicRewriteRow> {
    await this.moveIn(this.#em.fork(), row, to, facts);
    return this.get(row.id);
  }

  async moveIn(em: EntityManager, row: TopicRewriteRow, to: RewritePhase, facts: Facts = {}): Promise<void> {
    const names = Object.keys(facts) as (keyof Facts)[];
    const moved = await em.execute<unknown[]>(
      `update topic_rewrite set ${names.map((name) => `${columns[name]} = ?, `).join('')}phase = ?, updated_at = now()
       where id = ? and phase = ? and worked_by = ?
         and exists (select 1 from operation_target t where t.id = worked_by and t.fencing_token <= ?) returning 1`,
      [
        ...names.map((name) => (name === 'late' ? facts[name] : JSON.stringify(facts[name]))),
        to,
        row.id,
        row.phase,
        this.#targetId,
        this.#fencingToken,
      ],
    );
    if (moved.length === 0) throw new LinewardError('LEASE_LOST');
  }

  get(id: string): Promise<TopicRewriteRow> {
    return this.#em.fork().findOneOrFail(TopicRewriteSchema, { id });
  }
}

/** Rewrites of a topic that have not come to their end. */
export async function unfinishedRewrites(em: EntityManager, datasetId: string): Promise<readonly TopicRewriteRow[]> {
  return em
    .fork()
    .find(
      TopicRewriteSchema,
      { datasetId, phase: { $in: ['COPYING', 'SWITCHING', 'SWITCHED', 'COMPARED'] } },
      { orderBy: { createdAt: 'asc' } },
    );
}

/** Highest number of a generation that was ever begun for a topic: a name is not used again. */
export async function lastGeneration(em: EntityManager, datasetId: string): Promise<number> {
  const rows = await em.fork().find(TopicRewriteSchema, { datasetId });
  return Math.max(1, ...rows.map(({ generation }) => generationOf(generation).number));
}

/** Stops at nothing: streams wait for a switch, and this one will not take place. */
export async function abandon(em: EntityManager, ids: readonly string[]): Promise<void> {
  await em.fork().execute(
    `update topic_rewrite set phase = 'ABANDONED', updated_at = now()
       where id = any(?::text[]) and phase in ('COPYING', 'SWITCHING')`,
    [textArray(ids)],
  );
}
