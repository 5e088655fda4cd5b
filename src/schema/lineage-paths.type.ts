import { ArgsType, Field, ID, Int, ObjectType } from 'type-graphql';
import type { DatasetField, LineageStep, PlacedStep, WalkEnd } from '../domain/lineage/graph.ts';
import { ColumnLineageEdgeType, DatasetFieldType } from './column-lineage.type.ts';
import { LineageEdgeType, LineageNodeType, TruncatedReasonEnum } from './lineage.type.ts';
import { Instant } from './scalars.ts';

@ArgsType()
abstract class PathArgs {
  @Field(() => Int, { defaultValue: 20, description: 'Most steps of a path, 1 to 50.' })
  maxDepth!: number;

  @Field(() => Int, { defaultValue: 10, description: 'Most paths in the answer, 1 to 100.' })
  maxPaths!: number;

  @Field(() => Instant, {
    nullable: true,
    description: 'The moment whose edges are taken, by the times that events tell. Default: the edges in force.',
  })
  asOf?: Date;
}

@ArgsType()
export class LineagePathsArgs extends PathArgs {
  @Field(() => ID, { description: 'Dataset that the data comes from.' })
  from!: string;

  @Field(() => ID, { description: 'Dataset that it goes to.' })
  to!: string;
}

@ArgsType()
export class ColumnPathsArgs extends LineagePathsArgs {
  @Field(() => String, { description: 'Path of the field in `from`.' })
  fromField!: string;

  @Field(() => String, { description: 'Path of the field in `to`.' })
  toField!: string;
}

@ArgsType()
export class ImpactArgs {
  @Field(() => ID, { description: 'The dataset that is to change.' })
  datasetId!: string;

  @Field(() => String, { nullable: true, description: 'Path of the one field of it that is to change. Default: all.' })
  field?: string;

  @Field(() => Int, { defaultValue: 20, description: 'Most steps from the start, 1 to 50.' })
  maxDepth!: number;

  @Field(() => Int, {
    defaultValue: 10_000,
    description: 'Most datasets, and most columns, that are walked over, 1 to 10,000.',
  })
  maxNodes!: number;

  @Field(() => Instant, {
    nullable: true,
    description: 'The moment whose edges are walked, by the times that events tell. Default: the edges in force.',
  })
  asOf?: Date;
}

@ObjectType()
abstract class BoundedAnswer implements WalkEnd {
  @Field(() => Instant, { description: 'The moment this was true.' })
  asOf!: Date;

  @Field(() => Boolean, { description: 'False when there may be more.' })
  complete!: boolean;

  @Field(() => TruncatedReasonEnum, { nullable: true, description: 'Why it is not complete; null when it is.' })
  truncatedReason!: WalkEnd['truncatedReason'];
}

@ObjectType('LineagePath', { description: 'A way from one dataset to another, on which none comes twice.' })
export class LineagePathType {
  readonly datasetIds!: readonly string[];

  @Field(() => Int, { description: 'How many steps.' })
  length!: number;

  @Field(() => [LineageEdgeType], {
    description: 'All edges between one dataset and the next, in the order of the path.',
  })
  edges!: readonly LineageStep[];
}

@ObjectType('LineagePaths', { description: 'Ways between two datasets, shortest first, and whether these are all.' })
export class LineagePathsType extends BoundedAnswer {
  @Field(() => [LineagePathType], { description: 'The paths; none when the data does not come there.' })
  paths!: readonly LineagePathType[];
}

@ObjectType('ColumnPath', { description: 'A way from one field to another, on which none comes twice.' })
export class ColumnPathType {
  @Field(() => Int, { description: 'How many steps.' })
  length!: number;

  @Field(() => [DatasetFieldType], { description: 'The fields in their order, both ends included.' })
  fields!: readonly DatasetField[];

  @Field(() => [ColumnLineageEdgeType], {
    description: 'All steps between one field and the next, in the order of the path.',
  })
  edges!: readonly PlacedStep[];

  @Field(() => Boolean, {
    description:
      'True when at each step at least one edge is direct and does not mask: the values themselves come over.',
  })
  carriesValues!: boolean;
}

@ObjectType('ColumnPaths', { description: 'Ways between two fields, shortest first, and whether these are all.' })
export class ColumnPathsType extends BoundedAnswer {
  @Field(() => [ColumnPathType], { description: 'The paths; none when nothing comes there.' })
  paths!: readonly ColumnPathType[];
}

@ObjectType('ImpactCount', { description: 'How many of what is touched have a name in common.' })
export class ImpactCountType {
  @Field(() => String, { description: 'The name.' })
  name!: string;

  @Field(() => Int, { description: 'How many.' })
  count!: number;
}

@ObjectType('LineageImpact', { description: 'What a change would touch downstream, without what changes itself.' })
export class LineageImpactType extends BoundedAnswer {
  @Field(() => [LineageNodeType], {
    description: 'Datasets, nearest first; of one field those in which a column is made of it.',
  })
  datasets!: readonly LineageNodeType[];

  @Field(() => Int, { description: 'How many `columns`.' })
  columnCount!: number;
}
