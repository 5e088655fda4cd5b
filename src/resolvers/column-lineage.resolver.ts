import { Arg, Args, Ctx, FieldResolver, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import type { DatasetField, PlacedStep } from '../domain/lineage/graph.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import {
  CarriedLabelType,
  ColumnLineageArgs,
  ColumnLineageEdgeType,
  ColumnLineageGraphType,
  DatasetFieldType,
  FieldsCarryingArgs,
  FieldsCarryingType,
  LabelDatasetFieldInput,
  LabelDatasetFieldPayload,
  LabelPageArgs,
  LineageGapType,
} from '../schema/column-lineage.type.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import type { ColumnLineageReadModel, ColumnWalk } from '../services/lineage/column-lineage.read-model.ts';
import type { FieldLabelService } from '../services/lineage/field-label.service.ts';
import type { LabelReadModel, LabelSpread, PlacedGap, PlacedLabel } from '../services/lineage/label.read-model.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver()
export class ColumnLineageResolver {
  readonly #columns: ColumnLineageReadModel;
  readonly #labels: LabelReadModel;
  readonly #service: FieldLabelService;

  constructor(deps: {
    readonly columns: ColumnLineageReadModel;
    readonly labels: LabelReadModel;
    readonly fieldLabelService: FieldLabelService;
  }) {
    this.#columns = deps.columns;
    this.#labels = deps.labels;
    this.#service = deps.fieldLabelService;
  }

  @Query(() => ColumnLineageGraphType, {
    description:
      'Where a column comes from and goes to. A field that nobody spoke of is an error, never an empty graph.',
  })
  columnLineage(
    @Args(() => ColumnLineageArgs) { datasetId, field, ...limits }: ColumnLineageArgs,
  ): Promise<ColumnWalk> {
    return this.#columns.walk({ ...limits, path: field, datasetId: localId('Dataset', datasetId, ['datasetId']) });
  }

  @Query(() => FieldsCarryingType, {
    description: `Fields that carry what people said of them, or of fields that their values come from: labels go along DIRECT steps and
stop where a step masks. Fields of dropped datasets are not listed. Where does PII end up, and what stops it on the way:
\`{ fieldsCarrying(classification: "PII") { complete labels { field { path dataset { name } } origin { path dataset { name } } depth }
gaps { code field { path dataset { name } } edge { source { path } } } } }\``,
  })
  fieldsCarrying(@Args(() => FieldsCarryingArgs) question: FieldsCarryingArgs): Promise<LabelSpread> {
    return this.#labels.spread(question);
  }

  @Mutation(() => LabelDatasetFieldPayload, {
    description:
      'Says what a field of a dataset holds, in the place of what was said before. Where its values go, the label goes; see `fieldsCarrying`.',
  })
  labelDatasetField(
    @Acting() actor: Actor,
    @Arg('input', () => LabelDatasetFieldInput, { description: 'The field and its labels.' })
    input: LabelDatasetFieldInput,
  ) {
    return mutationPayload(input, async () => ({
      field: await this.#service.labelField(actor, {
        datasetId: localId('Dataset', input.datasetId, ['datasetId']),
        path: input.field,
        semanticType: input.semanticType,
        classifications: input.classifications ?? [],
      }),
    }));
  }
}

@Resolver(() => DatasetFieldType)
export class DatasetFieldFields {
  @FieldResolver(() => DatasetType, { nullable: true, description: 'The dataset.' })
  dataset(@Root() field: DatasetField, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(field.datasetId);
  }
}

@Resolver(() => ColumnLineageGraphType)
export class ColumnLineageFields {
  @FieldResolver(() => [ColumnLineageEdgeType], { description: 'Steps among these fields.' })
  async edges(@Root() { steps, fields }: ColumnWalk): Promise<readonly PlacedStep[]> {
    const placed = (number: number): DatasetField | null => fields.get(number) ?? null;
    return (await steps()).map((step) => ({ ...step, source: placed(step.source), target: placed(step.target) }));
  }

  @FieldResolver(() => [LineageGapType], { description: 'What is not known of these fields.' })
  gaps(@Root() { nodes }: ColumnWalk): readonly PlacedGap[] {
    return nodes.flatMap(({ field }) => (field.gap === null ? [] : [{ code: field.gap, field, edge: null }]));
  }
}

@Resolver(() => FieldsCarryingType)
export class LabelSpreadFields {
  @FieldResolver(() => Int, {
    description:
      'How many `labels` there are, up to 250,000; with more than 10,000 the answer is not `complete`, and is read by pages.',
  })
  labelCount(@Root() { labels }: LabelSpread): number {
    return labels.length;
  }

  @FieldResolver(() => [CarriedLabelType], {
    description:
      'A field for each origin whose label it carries, by origin and nearest first; a page of at most 10,000.',
  })
  labels(@Root() spread: LabelSpread, @Args(() => LabelPageArgs) page: LabelPageArgs): Promise<readonly PlacedLabel[]> {
    return spread.placed(page);
  }

  @FieldResolver(() => [LineageGapType], {
    description: 'Steps that labels did not take, into fields that carry none; and what is not known of those that do.',
  })
  gaps(@Root() spread: LabelSpread): Promise<readonly PlacedGap[]> {
    return spread.gaps();
  }
}
