import { ArgsType, Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { PlaceName } from '../domain/lineage/event-value.ts';
import type { LineageDirection, LineageStep, TruncatedReason, WalkEnd } from '../domain/lineage/graph.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { Instant } from './scalars.ts';

export const LineageDirectionEnum = describedEnum<LineageDirection>('LineageDirection', 'Which way to walk.', {
  UPSTREAM: 'Towards where the data comes from.',
  DOWNSTREAM: 'Towards where the data goes.',
  BOTH: 'Both ways from the start.',
});

export const TruncatedReasonEnum = describedEnum<TruncatedReason>(
  'LineageTruncatedReason',
  'Why a walk stopped early.',
  {
    MAX_DEPTH: '`maxDepth` was reached.',
    MAX_NODES: '`maxNodes` was reached.',
    MAX_PATHS: '`maxPaths` was reached, or looking for more paths took too many steps.',
    RESTRICTED: 'Some of what was reached is kept from who asked; it was walked through.',
  },
);

@InputType({
  description: 'Which datasets of a walk are shown; what is absent does not narrow. At most 100 values each.',
})
export class LineageFilterInput {
  @Field(() => [String], { nullable: true, description: 'Only datasets of these namespaces.' })
  namespaces?: string[];

  @Field(() => [String], {
    nullable: true,
    description: 'Only datasets of these platforms: what stands before the first colon of the namespace, e.g. `kafka`.',
  })
  platforms?: string[];

  @Field(() => String, {
    nullable: true,
    description: 'Only datasets with this in their names, in any case of letters.',
  })
  nameContains?: string;
}

@ArgsType()
export class LineageArgs {
  @Field(() => ID, { description: 'Dataset to start from.' })
  start!: string;

  @Field(() => LineageDirectionEnum, { defaultValue: 'BOTH', description: 'Which way to walk.' })
  direction!: LineageDirection;

  @Field(() => Int, { defaultValue: 20, description: 'Most steps from the start, 1 to 50.' })
  maxDepth!: number;

  @Field(() => Int, { defaultValue: 1000, description: 'Most datasets in the answer, 1 to 10,000.' })
  maxNodes!: number;

  @Field(() => Instant, {
    nullable: true,
    description: 'The moment whose edges are walked, by the times that events tell. Default: the edges in force.',
  })
  asOf?: Date;

  @Field(() => LineageFilterInput, {
    nullable: true,
    description: 'Narrows what is answered, never what is walked; the start is always there.',
  })
  filter?: LineageFilterInput;

  @Field(() => [String], {
    nullable: true,
    description: 'Platforms, e.g. `s3`, whose datasets are walked through as if they were not there; see `hops`.',
  })
  ignoreAsHops?: string[];
}

@ObjectType('LineageHop', {
  description: 'A way from one dataset to another that only goes over datasets that are stepped over.',
})
export class LineageHopType {
  readonly sourceDatasetId!: string;
  readonly targetDatasetId!: string;
}

@ObjectType('LineageNode', { description: 'A dataset that a walk reached.' })
export class LineageNodeType {
  readonly datasetId!: string;

  @Field(() => Int, { description: 'Fewest steps from the start; 0 is the start itself.' })
  depth!: number;
}

@ObjectType('RestrictedNode', {
  description: 'A dataset that is there and is kept from who asked; nothing else of it is told.',
})
class RestrictedNodeType {
  @Field(() => Int, { description: 'Fewest steps from the start.' })
  depth!: number;
}

@ObjectType('LineageEdge', { implements: NodeType, description: 'A job that moves data from one dataset to another.' })
export class LineageEdgeType extends NodeType implements Pick<LineageStep, 'job' | 'jobNamespace'> {
  @Field(() => String, { description: 'Name of the job.' })
  job!: string;

  @Field(() => String, { description: 'Namespace of the job; `lineward` for our own streams.' })
  jobNamespace!: string;
}

@ObjectType('LineageJob', { description: 'A process that reads and writes datasets, named as OpenLineage names it.' })
export class LineageJobType implements PlaceName {
  @Field(() => String, { description: 'Where it runs, e.g. an Airflow instance; `lineward` for our own streams.' })
  namespace!: string;

  @Field(() => String, { description: 'Its name there.' })
  name!: string;
}

@ObjectType('LineageGraph', { description: 'What a walk along lineage reached, and whether that is all.' })
export class LineageGraphType implements WalkEnd {
  @Field(() => [LineageNodeType], { description: 'Datasets, each once.' })
  nodes!: readonly LineageNodeType[];

  @Field(() => Instant, { description: 'The moment this was true.' })
  asOf!: Date;

  @Field(() => Boolean, { description: 'False when more lies beyond `frontier`.' })
  complete!: boolean;

  @Field(() => TruncatedReasonEnum, { nullable: true, description: 'Why it is not complete; null when it is.' })
  truncatedReason!: WalkEnd['truncatedReason'];

  @Field(() => [ID], { description: 'Datasets behind which more lies.' })
  frontier!: readonly string[];

  @Field(() => [RestrictedNodeType], {
    description: 'Datasets that the walk reached and went through, and that the actor may not find.',
  })
  restricted!: readonly RestrictedNodeType[];
}
