import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { LineageDirection, LineageStep, LineageWalk } from '../../domain/lineage/graph.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { textArray } from '../sql.ts';

export interface LineageQuestion {
  readonly startDatasetId: string;
  readonly direction: LineageDirection;
  /** 1 to 50 steps. */
  readonly maxDepth: number;
  /** 1 to 10,000 datasets, the start included. */
  readonly maxNodes: number;
}

const stepRow = z
  .object({ id: z.string(), source_dataset_id: z.string(), target_dataset_id: z.string(), job: z.string() })
  .transform(
    (row): LineageStep => ({
      id: row.id,
      sourceDatasetId: row.source_dataset_id,
      targetDatasetId: row.target_dataset_id,
      job: row.job,
    }),
  );

// Breadth first, one statement a level over the index: each dataset once, at its least depth, no path arrays.
const nextLevel = {
  DOWNSTREAM:
    'select distinct target_dataset_id as id from lineage_edge where source_dataset_id = any(?::text[]) and valid_to is null',
  UPSTREAM:
    'select distinct source_dataset_id as id from lineage_edge where target_dataset_id = any(?::text[]) and valid_to is null',
} as const;

/** Where data goes and where it comes from. */
export class LineageReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** @throws LinewardError NOT_FOUND for an unknown start, BAD_INPUT for limits out of range. */
  async walk(question: LineageQuestion): Promise<LineageWalk> {
    assertRange('maxDepth', question.maxDepth, 50);
    assertRange('maxNodes', question.maxNodes, 10_000);
    const em = this.#em.fork();
    const [start] = await em.execute<{ as_of: string }[]>('select now() as as_of from dataset where id = ?', [
      question.startDatasetId,
    ]);
    if (start === undefined)
      throw new LinewardError('NOT_FOUND', 'start: there is no such dataset', { path: ['start'] });
    const directions = question.direction === 'BOTH' ? (['UPSTREAM', 'DOWNSTREAM'] as const) : [question.direction];
    const depths = new Map([[question.startDatasetId, 0]]);
    let truncated: LineageWalk['truncatedReason'] = null;
    const frontier: string[] = [];
    for (const direction of directions) {
      const end = await this.#closure(em, direction, question, depths);
      truncated ??= end.truncated;
      frontier.push(...end.frontier);
    }
    const ids = [...depths.keys()];
    const steps = await em.execute(
      'select * from lineage_edge where source_dataset_id = any(?::text[]) and target_dataset_id = any(?::text[]) and valid_to is null order by id',
      [textArray(ids), textArray(ids)],
    );
    return {
      nodes: [...depths].map(([datasetId, depth]) => ({ datasetId, depth })),
      steps: steps.map((row) => stepRow.parse(row)),
      asOf: new Date(start.as_of),
      complete: truncated === null,
      truncatedReason: truncated,
      frontier,
    };
  }

  async #closure(
    em: EntityManager,
    direction: keyof typeof nextLevel,
    question: LineageQuestion,
    depths: Map<string, number>,
  ): Promise<{ truncated: LineageWalk['truncatedReason']; frontier: readonly string[] }> {
    const seen = new Set([question.startDatasetId]);
    let level: readonly string[] = [question.startDatasetId];
    for (let depth = 1; level.length > 0; depth += 1) {
      const rows = await em.execute<{ id: string }[]>(nextLevel[direction], [textArray(level)]);
      const fresh = rows.map((row) => row.id).filter((id) => !seen.has(id));
      if (fresh.length === 0) break;
      if (depth > question.maxDepth) return { truncated: 'MAX_DEPTH', frontier: level };
      const room = question.maxNodes - depths.size;
      for (const id of fresh.slice(0, room)) {
        seen.add(id);
        depths.set(id, Math.min(depth, depths.get(id) ?? depth));
      }
      if (fresh.length > room) return { truncated: 'MAX_NODES', frontier: level };
      level = fresh;
    }
    return { truncated: null, frontier: [] };
  }

  async stepsById(ids: readonly string[]): Promise<readonly LineageStep[]> {
    const rows = await this.#em
      .fork()
      .execute('select * from lineage_edge where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => stepRow.parse(row));
  }

  /** Steps among all known datasets that leave any of the given ones. */
  async stepsFrom(datasetIds: readonly string[]): Promise<readonly LineageStep[]> {
    const rows = await this.#em
      .fork()
      .execute('select * from lineage_edge where source_dataset_id = any(?::text[]) and valid_to is null', [
        textArray(datasetIds),
      ]);
    return rows.map((row) => stepRow.parse(row));
  }
}

function assertRange(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new LinewardError('BAD_INPUT', `${name} must be between 1 and ${max}`, { path: [name] });
  }
}
