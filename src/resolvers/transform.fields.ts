import { Args, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { noStatistics, type ReadRange, type RunStatistics, type SourceFile } from '../domain/transform/run-state.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { TransformRun } from '../entities/transform-run.entity.ts';
import type { Transformer, TransformerVersion } from '../entities/transformer.entity.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import {
  OrderedValuesType,
  TransformerType,
  TransformerVersionConnection,
  TransformerVersionType,
} from '../schema/transform.type.ts';
import {
  TransformRangeType,
  TransformRejectType,
  TransformRunConnection,
  TransformRunType,
  TransformSourceFileType,
  TransformStatisticsType,
} from '../schema/transform-run.type.ts';
import type { TransformReject } from '../services/transform/transformer.read-model.ts';
import type { RequestContext } from './context.ts';

const filesShown = 1_000;

@Resolver(() => TransformerType)
export class TransformerFields {
  @FieldResolver(() => TransformerVersionConnection, {
    description: 'Its versions, the newest first; that is the one that runs.',
  })
  async versions(
    @Root() { id }: Transformer,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    return new TransformerVersionConnection(await loaders.versionsOfTransformer.load({ parentId: id, request: page }));
  }

  @FieldResolver(() => TransformRunConnection, { description: 'Its runs, the newest first.' })
  async runs(
    @Root() { id }: Transformer,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    return new TransformRunConnection(await loaders.runsOfTransformer.load({ parentId: id, request: page }));
  }

  @FieldResolver(() => String, {
    nullable: true,
    description:
      'Who set the schedule: its runs read in that name, by what that actor may read then. Null without one.',
  })
  scheduleOwner(@Root() { scheduleOwner }: Transformer): string | null {
    return scheduleOwner?.id ?? null;
  }
}

@Resolver(() => TransformerVersionType)
export class TransformerVersionFields {
  @FieldResolver(() => TransformerType, { nullable: true, description: 'Of which transformer it is.' })
  transformer(
    @Root() { transformerId }: TransformerVersion,
    @Ctx() { loaders }: RequestContext,
  ): Promise<Transformer | null> {
    return loaders.transformer.load(transformerId);
  }

  @FieldResolver(() => DatasetType, { nullable: true, description: 'The table that it makes.' })
  dataset(@Root() { datasetId }: TransformerVersion, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(datasetId);
  }

  @FieldResolver(() => [OrderedValuesType], { description: 'Ordered lists that were given beside the document.' })
  orders(@Root() { orders }: TransformerVersion): readonly OrderedValuesType[] {
    return Object.entries(orders).map(([name, values]) => ({ name, values }));
  }
}

@Resolver(() => TransformRunType)
export class TransformRunFields {
  @FieldResolver(() => TransformerVersionType, { nullable: true, description: 'What runs.' })
  transformerVersion(
    @Root() { versionId }: TransformRun,
    @Ctx() { loaders }: RequestContext,
  ): Promise<TransformerVersion | null> {
    return loaders.transformerVersion.load(versionId);
  }

  @FieldResolver(() => DatasetType, { nullable: true, description: 'The table that it makes.' })
  dataset(@Root() { datasetId }: TransformRun, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(datasetId);
  }

  @FieldResolver(() => String, {
    description: 'In whose name it reads its sources: who asked for it, or who set the schedule.',
  })
  readsAs(@Root() { readsAs }: TransformRun): string {
    return readsAs.id;
  }

  @FieldResolver(() => [TransformRangeType], {
    description: 'What it reads, one for each partition; empty until it is planned.',
  })
  ranges(@Root() { plan }: TransformRun): readonly ReadRange[] {
    return plan?.ranges ?? [];
  }

  @FieldResolver(() => [TransformSourceFileType], {
    description: 'Files of tables and directories that it reads; the first 1,000.',
  })
  files(@Root() { plan }: TransformRun): readonly SourceFile[] {
    return (plan?.files ?? []).slice(0, filesShown);
  }

  @FieldResolver(() => TransformStatisticsType, { description: 'What it did, as far as it is.' })
  statistics(@Root() { statistics }: TransformRun): RunStatistics {
    return { ...noStatistics, ...statistics };
  }

  @FieldResolver(() => [TransformRejectType], {
    description: 'Rows that did not get in, by source, reason and field; at most 1,000.',
  })
  rejects(@Root() { id }: TransformRun, @Ctx() { loaders }: RequestContext): Promise<readonly TransformReject[]> {
    return loaders.rejectsOfRun.load(id);
  }
}
