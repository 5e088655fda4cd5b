import { Args, Ctx, FieldResolver, ID, Query, Resolver, Root } from 'type-graphql';
import { globalId, localId } from '../domain/global-id.ts';
import type { PlaceName } from '../domain/lineage/event-value.ts';
import type { LineageStep } from '../domain/lineage/graph.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import {
  LineageArgs,
  LineageEdgeType,
  LineageGraphType,
  LineageHopType,
  LineageJobType,
  LineageNodeType,
} from '../schema/lineage.type.ts';
import type { LineageHop, LineageReadModel, LineageWalk } from '../services/lineage/lineage.read-model.ts';
import type { RequestContext } from './context.ts';

@Resolver(() => LineageGraphType)
export class LineageResolver {
  readonly #readModel: LineageReadModel;

  constructor(deps: { readonly lineage: LineageReadModel }) {
    this.#readModel = deps.lineage;
  }

  @Query(() => LineageGraphType, {
    description: 'Where data of a dataset comes from and goes to. An unknown start is an error, never an empty graph.',
  })
  lineage(@Args(() => LineageArgs) { start, ...limits }: LineageArgs): Promise<LineageWalk> {
    return this.#readModel.walk({ ...limits, startDatasetId: localId('Dataset', start, ['start']) });
  }

  @FieldResolver(() => [LineageEdgeType], { description: 'Edges among these datasets.' })
  edges(@Root() walk: LineageWalk): Promise<readonly LineageStep[]> {
    return walk.steps();
  }

  @FieldResolver(() => [LineageHopType], {
    description:
      'Pairs of these datasets between which there are only datasets that `ignoreAsHops` steps over, or `restricted` ones.',
  })
  hops(@Root() walk: LineageWalk): readonly LineageHop[] {
    return walk.hops();
  }

  @FieldResolver(() => [LineageJobType], {
    description:
      'Jobs that read (upstream: write) any of these datasets, those included that write (read) nothing. At most 10,000.',
  })
  async jobs(@Root() walk: LineageWalk): Promise<readonly PlaceName[]> {
    return (await walk.jobs()).jobs;
  }

  @FieldResolver(() => Boolean, { description: 'False when there are more jobs than `jobs` has.' })
  async jobsComplete(@Root() walk: LineageWalk): Promise<boolean> {
    return (await walk.jobs()).complete;
  }

  @FieldResolver(() => [ID], { description: 'Datasets behind which more lies.' })
  frontier(@Root() walk: LineageWalk): readonly string[] {
    return walk.frontier.map((id) => globalId('Dataset', id));
  }
}

@Resolver(() => LineageNodeType)
export class LineageNodeFields {
  @FieldResolver(() => DatasetType, { nullable: true, description: 'The dataset.' })
  dataset(@Root() node: { datasetId: string }, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(node.datasetId);
  }
}

@Resolver(() => LineageEdgeType)
export class LineageEdgeFields {
  @FieldResolver(() => DatasetType, { nullable: true, description: 'Where the data comes from.' })
  source(@Root() step: LineageStep, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(step.sourceDatasetId);
  }

  @FieldResolver(() => DatasetType, { nullable: true, description: 'Where the data goes.' })
  target(@Root() step: LineageStep, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(step.targetDatasetId);
  }
}

@Resolver(() => LineageHopType)
export class LineageHopFields {
  @FieldResolver(() => DatasetType, { nullable: true, description: 'Where the data comes from.' })
  source(@Root() hop: LineageHop, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(hop.sourceDatasetId);
  }

  @FieldResolver(() => DatasetType, { nullable: true, description: 'Where the data goes.' })
  target(@Root() hop: LineageHop, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(hop.targetDatasetId);
  }
}
