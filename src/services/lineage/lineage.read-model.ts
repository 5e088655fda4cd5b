import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { PlaceName } from '../../domain/lineage/event-value.ts';
import type { LineageDirection, LineageStep, LineageWalk } from '../../domain/lineage/graph.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { nativeStatements, type Statements, textArray } from '../sql.ts';
import { assertLimits, inForce, type OneWay, type WalkLimits, walkLevels } from './level-walk.ts';

export interface LineageQuestion extends WalkLimits {
  readonly startDatasetId: string;
}

const stepRow = z
  .object({
    id: z.string(),
    source_dataset_id: z.string(),
    target_dataset_id: z.string(),
    job: z.string(),
    job_namespace: z.string(),
  })
  .transform(
    (row): LineageStep => ({
      id: row.id,
      sourceDatasetId: row.source_dataset_id,
      targetDatasetId: row.target_dataset_id,
      job: row.job,
      jobNamespace: row.job_namespace,
    }),
  );

const nextLevel: Readonly<Record<OneWay, string>> = {
  DOWNSTREAM: 'select distinct target_dataset_id as id from lineage_edge where source_dataset_id = any(?::text[])',
  UPSTREAM: 'select distinct source_dataset_id as id from lineage_edge where target_dataset_id = any(?::text[])',
};

/** The sides by which jobs stand between datasets of a walk, those included that read and write nothing further. */
const jobSides: Readonly<Record<LineageDirection, readonly string[]>> = {
  DOWNSTREAM: ['INPUT'],
  UPSTREAM: ['OUTPUT'],
  BOTH: ['INPUT', 'OUTPUT'],
};
const jobsMax = 10_000;

/** Where data goes and where it comes from. */
export class LineageReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** @throws LinewardError NOT_FOUND for an unknown start, BAD_INPUT for limits out of range. */
  async walk(question: LineageQuestion): Promise<LineageWalk> {
    assertLimits(question);
    const sql = await nativeStatements(this.#em);
    const [start] = await sql.execute<{ as_of: string }[]>('select now() as as_of from dataset where id = ?', [
      question.startDatasetId,
    ]);
    if (start === undefined)
      throw new LinewardError('NOT_FOUND', 'start: there is no such dataset', { path: ['start'] });
    const time = inForce(question.asOf);
    const reached = await walkLevels(question.startDatasetId, question, async (direction, level) => {
      const next = `${nextLevel[direction]} and ${time.sql}`;
      const rows = await sql.execute<{ id: string }[]>(next, [textArray(level), ...time.params]);
      return rows.map((row) => row.id);
    });
    const ids = textArray([...reached.depths.keys()]);
    const steps = await sql.execute(
      `select * from lineage_edge where source_dataset_id = any(?::text[]) and target_dataset_id = any(?::text[]) and ${time.sql}
       order by id`,
      [ids, ids, ...time.params],
    );
    const jobs = await this.#jobs(sql, ids, question);
    const truncatedReason = reached.truncatedReason ?? (jobs.length > jobsMax ? 'MAX_NODES' : null);
    return {
      nodes: [...reached.depths].map(([datasetId, depth]) => ({ datasetId, depth })),
      steps: steps.map((row) => stepRow.parse(row)),
      jobs: jobs.slice(0, jobsMax),
      asOf: question.asOf ?? new Date(start.as_of),
      complete: truncatedReason === null,
      truncatedReason,
      frontier: reached.frontier,
    };
  }

  async #jobs(sql: Statements, ids: string, { direction, asOf }: LineageQuestion): Promise<readonly PlaceName[]> {
    const rows = await sql.execute<{ namespace: string; name: string }[]>(
      `select namespace, name from lineage_job where id in (
         select job_id from lineage_job_io where dataset_id = any(?::text[]) and side = any(?::text[])
           and (?::timestamptz is null or valid_from <= ?))
       order by namespace, name limit ?`,
      [ids, textArray(jobSides[direction]), asOf?.toISOString() ?? null, asOf?.toISOString() ?? null, jobsMax + 1],
    );
    return rows.map(({ namespace, name }) => ({ namespace, name }));
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
