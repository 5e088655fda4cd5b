import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { ColumnStep, DatasetField, WalkEnd } from '../../domain/lineage/graph.ts';
import { type BlockedStep, type CarriedLabel, propagate } from '../../domain/lineage/propagation.ts';
import type { SemanticTypeReadModel } from '../privacy/semantic-type.read-model.ts';
import { nativeStatements, type Statements, textArray } from '../sql.ts';
import { columnStepOf, edgeColumns, edgeJob, twinColumns, twinFields } from './column-steps.ts';
import type { DatasetFieldReadModel } from './dataset-field.read-model.ts';
import { inForce } from './level-walk.ts';

export interface LabelQuestion {
  readonly semanticType?: string | undefined;
  readonly classification?: string | undefined;
  readonly asOf?: Date | undefined;
}

export interface Origin {
  readonly fieldId: string;
  readonly semanticType: string | null;
  readonly classifications: readonly string[];
}

export interface LabelSpread extends Omit<WalkEnd, 'frontier'> {
  readonly labels: readonly CarriedLabel[];
  readonly blocked: readonly BlockedStep[];
  readonly origins: ReadonlyMap<string, Origin>;
  readonly fields: ReadonlyMap<string, DatasetField>;
}

const originRow: z.ZodType<Origin> = z.object({
  fieldId: z.string(),
  semanticType: z.string().nullable(),
  classifications: z.array(z.string()),
});

const labelsMax = 10_000;
const stepsMax = 250_000;

// What people set on a field itself stands before what the entity of its dataset says of it.
const originsSql = `
  select "fieldId", (array_agg("semanticType" order by rank) filter (where "semanticType" is not null))[1] as "semanticType",
    array(select distinct unnest from unnest(string_to_array(string_agg(array_to_string(classifications, ','), ','), ',')) where unnest <> '' order by 1)
      as classifications
  from (
    select field_id as "fieldId", semantic_type as "semanticType", classifications, 1 as rank from dataset_field_label
    union all
    select dataset_field.id, entity_field.semantic_type, entity_field.classifications, 2
    from mapping join entity on entity.id = mapping.entity_id
      join entity_field on entity_field.version_id = entity.latest_version_id
      join dataset_field on dataset_field.dataset_id = mapping.dataset_id and dataset_field.path = entity_field.path
    where entity_field.semantic_type is not null or entity_field.classifications <> '{}'
  ) said
  where (?::text = '' or "semanticType" = ?) and (?::text = '' or ? = any(classifications))
  group by 1 order by 1`;

/** Which fields carry what people said of others: a label goes where its values go. */
export class LabelReadModel {
  readonly #em: EntityManager;
  readonly #semanticTypes: SemanticTypeReadModel;
  readonly #fields: DatasetFieldReadModel;

  constructor(deps: {
    readonly em: EntityManager;
    readonly semanticTypes: SemanticTypeReadModel;
    readonly datasetFields: DatasetFieldReadModel;
  }) {
    this.#em = deps.em;
    this.#semanticTypes = deps.semanticTypes;
    this.#fields = deps.datasetFields;
  }

  /** Fields with the label, its origins included, and the steps that it did not take. Dropped datasets hold nothing. */
  async spread({ semanticType, classification = '', asOf }: LabelQuestion): Promise<LabelSpread> {
    const sql = await nativeStatements(this.#em);
    const type = await this.#typeName(semanticType);
    const rows = await sql.execute(originsSql, [type, type, classification, classification]);
    const origins = new Map(rows.map((row) => originRow.parse(row)).map((origin) => [origin.fieldId, origin]));
    const steps = await this.#steps(sql, [...origins.keys()], asOf);
    const spread = propagate([...origins.keys()], steps.slice(0, stepsMax), labelsMax);
    const { blocked, labels } = spread;
    const complete = spread.complete && steps.length <= stepsMax && blocked.length <= labelsMax;
    const named = blocked.slice(0, labelsMax);
    const fields = await this.#fields.byId([
      ...labels.flatMap(({ fieldId, via }) => (via === null ? [fieldId] : [fieldId, via.sourceFieldId])),
      ...named.flatMap(({ step }) => [step.sourceFieldId, step.targetFieldId]),
    ]);
    return {
      labels: labels.filter(({ fieldId }) => fields.get(fieldId)?.isDropped === false),
      blocked: named,
      origins,
      fields,
      asOf: asOf ?? new Date(),
      complete,
      truncatedReason: complete ? null : 'MAX_NODES',
    };
  }

  /** As it is kept; a name that nobody defined may still stand in a schema. */
  async #typeName(given: string | undefined): Promise<string> {
    if (given === undefined) return '';
    return (await this.#semanticTypes.known()).find(given)?.name ?? given;
  }

  /** All steps from where labels come, those that they do not take included: one closure over ids, whatever its depth. */
  async #steps(sql: Statements, originIds: readonly string[], asOf: Date | undefined): Promise<ColumnStep[]> {
    if (originIds.length === 0) return [];
    const time = inForce(asOf);
    const begun = asOf === undefined ? null : asOf.toISOString();
    const rows = await sql.execute(
      `with recursive reach (id) as (
         select unnest(?::text[])
         union
         select next.id from reach, lateral (
           select target_field_id as id from column_edge
             where source_field_id = reach.id and kind = 'DIRECT' and not masking and ${time.sql}
           union all select twin.id from ${twinFields} where mine.id = reach.id
         ) next
       )
       select ${edgeColumns}, (${time.sql}) as in_force from reach join column_edge on source_field_id = reach.id ${edgeJob}
         where ?::timestamptz is null or valid_from <= ?
       union all select ${twinColumns} from ${twinFields} join reach on reach.id = mine.id
       limit ?`,
      [textArray(originIds), ...time.params, ...time.params, begun, begun, stepsMax + 1],
    );
    return rows.map(columnStepOf);
  }
}
