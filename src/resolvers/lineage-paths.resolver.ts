import { Args, Ctx, FieldResolver, Int, Query, Resolver, Root } from 'type-graphql';
import { localId } from '../domain/global-id.ts';
import type { PlaceName } from '../domain/lineage/event-value.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import { ColumnLineageNodeType } from '../schema/column-lineage.type.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import { LineageJobType } from '../schema/lineage.type.ts';
import {
  ColumnPathsArgs,
  ColumnPathsType,
  ImpactArgs,
  ImpactCountType,
  LineageImpactType,
  LineagePathsArgs,
  LineagePathsType,
  LineagePathType,
} from '../schema/lineage-paths.type.ts';
import type { Impact, ImpactReadModel, NamedCount } from '../services/lineage/impact.read-model.ts';
import type {
  ColumnPath,
  DatasetPath,
  LineagePaths,
  LineagePathsReadModel,
} from '../services/lineage/lineage-paths.read-model.ts';
import type { RequestContext } from './context.ts';

const jobsMax = 10_000;

@Resolver()
export class LineagePathsResolver {
  readonly #paths: LineagePathsReadModel;
  readonly #impact: ImpactReadModel;

  constructor(deps: { readonly lineagePaths: LineagePathsReadModel; readonly impact: ImpactReadModel }) {
    this.#paths = deps.lineagePaths;
    this.#impact = deps.impact;
  }

  @Query(() => LineagePathsType, {
    description: 'By what ways data of one dataset comes to another, shortest first. An unknown end is an error.',
  })
  lineagePaths(
    @Args(() => LineagePathsArgs) { from, to, ...limits }: LineagePathsArgs,
  ): Promise<LineagePaths<DatasetPath>> {
    const [fromDatasetId, toDatasetId] = [localId('Dataset', from, ['from']), localId('Dataset', to, ['to'])];
    return this.#paths.ofDatasets({ ...limits, fromDatasetId, toDatasetId });
  }

  @Query(() => ColumnPathsType, {
    description: `By what ways one field comes to another, shortest first, and what protects it on the way. An unknown end is an error.`,
  })
  columnPaths(
    @Args(() => ColumnPathsArgs) { from, to, fromField, toField, ...limits }: ColumnPathsArgs,
  ): Promise<LineagePaths<ColumnPath>> {
    return this.#paths.ofColumns({
      ...limits,
      from: { datasetId: localId('Dataset', from, ['from']), path: fromField },
      to: { datasetId: localId('Dataset', to, ['to']), path: toField },
    });
  }

  @Query(() => LineageImpactType, {
    description:
      'What a change of a dataset, or of one field of it, would touch downstream. What is not known is in `uncertain`, never left out.',
  })
  impact(@Args(() => ImpactArgs) { datasetId, ...question }: ImpactArgs): Promise<Impact> {
    return this.#impact.of({ ...question, datasetId: localId('Dataset', datasetId, ['datasetId']) });
  }
}

@Resolver(() => LineagePathType)
export class LineagePathFields {
  @FieldResolver(() => [DatasetType], { description: 'The datasets in their order, both ends included.' })
  datasets(@Root() { datasetIds }: DatasetPath, @Ctx() context: RequestContext): Promise<readonly Dataset[]> {
    return datasetsOf(datasetIds, context);
  }
}

@Resolver(() => LineageImpactType)
export class LineageImpactFields {
  @FieldResolver(() => Int, { description: 'How many `datasets`.' })
  datasetCount(@Root() { datasets }: Impact): number {
    return datasets.length;
  }

  @FieldResolver(() => [DatasetType], {
    description: 'Datasets made of the one that changes of which nobody told the columns: they may be touched, or not.',
  })
  uncertain(@Root() { uncertain }: Impact, @Ctx() context: RequestContext): Promise<readonly Dataset[]> {
    return datasetsOf(uncertain, context);
  }

  @FieldResolver(() => [ColumnLineageNodeType], { description: 'Columns that are made of it, nearest first.' })
  columns(@Root() impact: Impact): ReturnType<Impact['columns']> {
    return impact.columns();
  }

  @FieldResolver(() => [LineageJobType], {
    description:
      'Jobs that read what changes or what is touched; of one field, jobs that make columns of it. At most 10,000.',
  })
  async jobs(@Root() impact: Impact): Promise<readonly PlaceName[]> {
    return (await impact.jobs()).slice(0, jobsMax);
  }

  @FieldResolver(() => [ImpactCountType], {
    description:
      'Owners of the entities that these datasets, and the one that changes, are mapped to; with how many datasets.',
  })
  owners(@Root() impact: Impact): Promise<readonly NamedCount[]> {
    return impact.owners();
  }

  @FieldResolver(() => [ImpactCountType], {
    description:
      'Classifications that the touched columns carry, set on them or come along lineage; with how many columns.',
  })
  classifications(@Root() impact: Impact): Promise<readonly NamedCount[]> {
    return impact.classifications();
  }

  @FieldResolver(() => Int, { description: 'How many `jobs`.' })
  async jobCount(@Root() impact: Impact): Promise<number> {
    return (await impact.jobs()).length;
  }
}

/** One that is gone meanwhile is left out. */
async function datasetsOf(ids: readonly string[], { loaders }: RequestContext): Promise<readonly Dataset[]> {
  const found = await Promise.all(ids.map((id) => loaders.dataset.load(id)));
  return found.filter((dataset) => dataset !== null);
}
