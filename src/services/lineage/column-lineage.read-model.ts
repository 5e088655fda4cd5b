import type { EntityManager } from '@mikro-orm/postgresql';
import type { ColumnStep, DatasetField, WalkEnd } from '../../domain/lineage/graph.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { nativeStatements, textArray } from '../sql.ts';
import { columnStepOf, edgeColumns, edgeJob, twinColumns, twinFields } from './column-steps.ts';
import type { DatasetFieldReadModel } from './dataset-field.read-model.ts';
import { assertLimits, inForce, type OneWay, type WalkLimits, walkLevels } from './level-walk.ts';

export interface ColumnQuestion extends WalkLimits {
  readonly datasetId: string;
  readonly path: string;
  /** False leaves out what only decides which rows there are. */
  readonly withIndirect: boolean;
}

export interface ColumnWalk extends WalkEnd {
  readonly nodes: readonly { readonly field: DatasetField; readonly depth: number }[];
  readonly steps: readonly ColumnStep[];
  readonly fields: ReadonlyMap<string, DatasetField>;
}

const nextLevel: Readonly<Record<OneWay, string>> = {
  DOWNSTREAM: 'select target_field_id as id from column_edge where source_field_id = any(?::text[])',
  UPSTREAM: 'select source_field_id as id from column_edge where target_field_id = any(?::text[])',
};

/** Where a column comes from and where it goes. */
export class ColumnLineageReadModel {
  readonly #em: EntityManager;
  readonly #fields: DatasetFieldReadModel;

  constructor(deps: { readonly em: EntityManager; readonly datasetFields: DatasetFieldReadModel }) {
    this.#em = deps.em;
    this.#fields = deps.datasetFields;
  }

  /** @throws LinewardError NOT_FOUND for a field that nobody spoke of, BAD_INPUT for limits out of range. */
  async walk(question: ColumnQuestion): Promise<ColumnWalk> {
    assertLimits(question);
    const start = await this.#fields.ofPath(question.datasetId, question.path);
    if (start === null)
      throw new LinewardError('NOT_FOUND', 'field: no event speaks of such a field of the dataset', {
        path: ['field'],
      });
    const sql = await nativeStatements(this.#em);
    const time = inForce(question.asOf);
    const kinds = question.withIndirect ? 'true' : `kind = 'DIRECT'`;
    const reached = await walkLevels(start.id, question, async (direction, level) => {
      const rows = await sql.execute<{ id: string }[]>(
        `${nextLevel[direction]} and ${kinds} and ${time.sql}
         union select twin.id from ${twinFields} where mine.id = any(?::text[])`,
        [textArray(level), ...time.params, textArray(level)],
      );
      return rows.map((row) => row.id);
    });
    const ids = textArray([...reached.depths.keys()]);
    const steps = await sql.execute(
      `select ${edgeColumns}, true as in_force from column_edge ${edgeJob}
         where source_field_id = any(?::text[]) and target_field_id = any(?::text[]) and ${kinds} and ${time.sql}
       union all select ${twinColumns} from ${twinFields} where mine.id = any(?::text[]) and twin.id = any(?::text[])
       order by 1, 2`,
      [ids, ids, ...time.params, ids, ids],
    );
    const fields = await this.#fields.byId([...reached.depths.keys()]);
    return {
      nodes: [...reached.depths].flatMap(([id, depth]) => {
        const field = fields.get(id);
        return field === undefined ? [] : [{ field, depth }];
      }),
      steps: steps.map(columnStepOf),
      fields,
      asOf: question.asOf ?? new Date(),
      complete: reached.truncatedReason === null,
      truncatedReason: reached.truncatedReason,
      frontier: reached.frontier,
    };
  }
}
