import { ArgsType, Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { TransformationKind } from '../domain/lineage/column-facet.ts';
import type { ColumnStep, DatasetField, LineageDirection, PlacedStep, WalkEnd } from '../domain/lineage/graph.ts';
import type { BlockReason } from '../domain/lineage/propagation.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { LineageDirectionEnum, LineageJobType, TruncatedReasonEnum } from './lineage.type.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';

export type GapCode = BlockReason | NonNullable<DatasetField['gap']>;

const TransformationKindEnum = describedEnum<TransformationKind>(
  'TransformationKind',
  'How a column goes into another.',
  {
    DIRECT: 'Its values do, as they are or changed.',
    INDIRECT: 'It decides which rows or groups there are, e.g. by a filter or a join.',
  },
);

const LineageGapCodeEnum = describedEnum<GapCode>(
  'LineageGapCode',
  'What an answer about columns does not know or does not follow.',
  {
    DATASET_UNKNOWN: 'Nothing but columns speaks of the dataset; a producer may have misspelt it.',
    SCHEMA_UNKNOWN: 'No event told the schema of the dataset.',
    FIELD_UNKNOWN: 'The newest schema of the dataset does not have the field.',
    MASKED: 'A label stops, because the value cannot be seen behind the step.',
    INDIRECT: 'A label does not go along a step that only decides which rows there are.',
    ENDED: 'A label does not go along a step that ended; what came by it may still be there.',
  },
);

@ObjectType('DatasetField', { description: 'A field of a dataset, as lineage events and people speak of it.' })
export class DatasetFieldType
  implements Pick<DatasetField, 'path' | 'type' | 'isInSchema' | 'semanticType' | 'classifications'>
{
  @Field(() => String, { description: 'Its path in the dataset; empty for the dataset as a whole.' })
  path!: string;

  @Field(() => String, { nullable: true, description: 'Type as the producer names it; null when nobody said.' })
  type!: string | null;

  @Field(() => Boolean, { description: 'True when the newest schema of the dataset has it.' })
  isInSchema!: boolean;

  @Field(() => String, { nullable: true, description: 'What it was said to be by `labelDatasetField`.' })
  semanticType!: string | null;

  @Field(() => [String], { description: 'What that means, as set by `labelDatasetField`.' })
  classifications!: readonly string[];
}

@ObjectType('ColumnLineageNode', { description: 'A field that a walk reached.' })
export class ColumnLineageNodeType {
  @Field(() => DatasetFieldType, { description: 'The field.' })
  field!: DatasetField;

  @Field(() => Int, { description: 'Fewest steps from the start; 0 is the start itself.' })
  depth!: number;
}

@ObjectType('ColumnLineageEdge', { description: 'A step of a column into another.' })
export class ColumnLineageEdgeType implements PlacedStep {
  @Field(() => DatasetFieldType, { nullable: true, description: 'Where the values come from.' })
  source!: DatasetField | null;

  @Field(() => DatasetFieldType, { nullable: true, description: 'Where the values go.' })
  target!: DatasetField | null;

  @Field(() => LineageJobType, {
    nullable: true,
    description:
      'The job that makes it; null where an event about the dataset alone tells, and between names of the same data.',
  })
  job!: ColumnStep['job'];

  @Field(() => TransformationKindEnum, { description: 'How the column goes into the other.' })
  kind!: TransformationKind;

  @Field(() => String, {
    description:
      'E.g. `IDENTITY`, `AGGREGATION`, `FILTER`; `SYMLINK` between names of the same data; empty when nobody said.',
  })
  subtype!: string;

  @Field(() => Boolean, { description: 'True when the value cannot be seen behind it.' })
  masking!: boolean;

  @Field(() => Instant, { nullable: true, description: 'Since when, by the times that events tell; null for always.' })
  validFrom!: Date | null;

  @Field(() => Instant, { nullable: true, description: 'Until when; null while it is in force.' })
  validTo!: Date | null;
}

@ObjectType('LineageGap', {
  description: 'What an answer about columns does not know, or a step that a label did not take.',
})
export class LineageGapType {
  @Field(() => LineageGapCodeEnum, { description: 'What kind of gap.' })
  code!: GapCode;

  @Field(() => DatasetFieldType, { description: 'The field that it is about.' })
  field!: DatasetField;

  @Field(() => ColumnLineageEdgeType, { nullable: true, description: 'The step that was not taken, into that field.' })
  edge!: PlacedStep | null;
}

@ObjectType()
abstract class ColumnAnswer implements WalkEnd {
  @Field(() => Instant, { description: 'The moment this was true.' })
  asOf!: Date;

  @Field(() => Boolean, { description: 'False when there is more.' })
  complete!: boolean;

  @Field(() => TruncatedReasonEnum, { nullable: true, description: 'Why it is not complete; null when it is.' })
  truncatedReason!: WalkEnd['truncatedReason'];
}

@ObjectType('ColumnLineageGraph', {
  description: 'What a walk along columns reached, whether that is all, and what is not known.',
})
export class ColumnLineageGraphType extends ColumnAnswer {
  @Field(() => [ColumnLineageNodeType], { description: 'Fields, each once.' })
  nodes!: readonly ColumnLineageNodeType[];

  @Field(() => [DatasetFieldType], { description: 'Fields behind which more lies.' })
  frontier!: readonly DatasetField[];
}

@ObjectType('CarriedLabel', { description: 'A field that carries a label, by what way.' })
export class CarriedLabelType {
  @Field(() => DatasetFieldType, { description: 'The field.' })
  field!: DatasetField;

  @Field(() => DatasetFieldType, { description: 'The field that was said to hold it.' })
  origin!: DatasetField;

  @Field(() => String, { nullable: true, description: 'Semantic type of the origin.' })
  semanticType!: string | null;

  @Field(() => [String], { description: 'Classifications of the origin.' })
  classifications!: readonly string[];

  @Field(() => Int, { description: 'Fewest steps from the origin; 0 is the origin itself.' })
  depth!: number;

  @Field(() => ColumnLineageEdgeType, {
    nullable: true,
    description: 'The last step on a shortest way; null at the origin.',
  })
  via!: PlacedStep | null;
}

@ObjectType('FieldsCarrying', { description: 'Fields that carry a label, and where it stopped.' })
export class FieldsCarryingType extends ColumnAnswer {}

export const DatasetFieldConnection = connectionOf(
  'DatasetField',
  () => DatasetFieldType,
  'Fields of datasets, by path.',
);

@ArgsType()
export class ColumnLineageArgs {
  @Field(() => ID, { description: 'Dataset of the field.' })
  datasetId!: string;

  @Field(() => String, { description: 'Path of the field to start from.' })
  field!: string;

  @Field(() => LineageDirectionEnum, { defaultValue: 'BOTH', description: 'Which way to walk.' })
  direction!: LineageDirection;

  @Field(() => Int, { defaultValue: 20, description: 'Most steps from the start, 1 to 50.' })
  maxDepth!: number;

  @Field(() => Int, { defaultValue: 1000, description: 'Most fields in the answer, 1 to 10,000.' })
  maxNodes!: number;

  @Field(() => Boolean, { defaultValue: true, description: 'False leaves out what only decides which rows there are.' })
  withIndirect!: boolean;

  @Field(() => Instant, {
    nullable: true,
    description: 'The moment whose edges are walked, by the times that events tell. Default: the edges in force.',
  })
  asOf?: Date;
}

@ArgsType()
export class FieldsCarryingArgs {
  @Field(() => String, { nullable: true, description: 'Only labels of this semantic type, e.g. `email`.' })
  semanticType?: string;

  @Field(() => String, { nullable: true, description: 'Only labels of this classification, e.g. `PII`.' })
  classification?: string;

  @Field(() => Instant, {
    nullable: true,
    description: 'The moment whose edges labels take, by the times that events tell. Default: the edges in force.',
  })
  asOf?: Date;
}

@ArgsType()
export class LabelPageArgs {
  @Field(() => Int, { defaultValue: 10_000, description: 'How many, at most 10,000.' })
  limit!: number;

  @Field(() => Int, { defaultValue: 0, description: 'How many to pass over.' })
  offset!: number;
}

@InputType({ description: 'A field of a dataset, and what it holds.' })
export class LabelDatasetFieldInput extends MutationInput {
  @Field(() => ID, { description: 'The dataset.' })
  datasetId!: string;

  @Field(() => String, { description: 'Path of the field.' })
  field!: string;

  @Field(() => String, {
    nullable: true,
    description: 'What it holds, e.g. `email`; without one, what was said is taken away.',
  })
  semanticType?: string;

  @Field(() => [String], {
    nullable: true,
    description: 'What that means, beside what the type means; e.g. `["PII"]`. Default none.',
  })
  classifications?: string[];
}

@ObjectType({ description: 'Payload of `labelDatasetField`.' })
export class LabelDatasetFieldPayload extends MutationPayload {
  @Field(() => DatasetFieldType, { nullable: true, description: 'The field as it is now.' })
  field?: DatasetField;
}
