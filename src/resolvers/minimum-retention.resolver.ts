import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { MinimumRetention } from '../entities/minimum-retention.entity.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import { HeldPlaceConnection } from '../schema/governance.type.ts';
import {
  MinimumRetentionConnection,
  MinimumRetentionPayload,
  MinimumRetentionType,
  RemoveMinimumRetentionInput,
  SetMinimumRetentionInput,
} from '../schema/minimum-retention.type.ts';
import { PlaceScopeType } from '../schema/place-scope.type.ts';
import type { GovernanceReadModel } from '../services/governance/governance.read-model.ts';
import type { MinimumRetentionService } from '../services/governance/minimum-retention.service.ts';
import type { ScopedMinimumService } from '../services/governance/scoped-minimum.service.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';
import { placesFrom, placesToGraphql } from './place-scope.ts';

@Resolver()
export class MinimumRetentionResolver {
  readonly #readModel: Pick<GovernanceReadModel, 'scopedMinimums'>;
  readonly #ofDatasets: MinimumRetentionService;
  readonly #ofScopes: ScopedMinimumService;

  constructor(deps: {
    readonly governance: GovernanceReadModel;
    readonly minimumRetentions: MinimumRetentionService;
    readonly scopedMinimums: ScopedMinimumService;
  }) {
    this.#readModel = deps.governance;
    this.#ofDatasets = deps.minimumRetentions;
    this.#ofScopes = deps.scopedMinimums;
  }

  @Query(() => MinimumRetentionConnection, {
    description: 'Minimum retentions with a scope, newest first. Those of one dataset alone stand at the dataset.',
  })
  async minimumRetentions(@Args(() => ConnectionArgs) page: ConnectionArgs) {
    return new MinimumRetentionConnection(await this.#readModel.scopedMinimums(page));
  }

  @Mutation(() => MinimumRetentionPayload, {
    description:
      'Says how long a regulation wants the records of a dataset, or of all that fit a scope, to be kept: nothing here deletes them sooner, and erasures of them are deferred.',
  })
  setMinimumRetention(
    @Acting() actor: Actor,
    @Arg('input', () => SetMinimumRetentionInput, { description: 'The minimum.' }) input: SetMinimumRetentionInput,
    @Ctx() { loaders }: RequestContext,
  ) {
    return mutationPayload(input, async () => {
      const { name, days, mode, scope } = input;
      const validUntil = input.validUntil ?? null;
      const bypassReason = input.bypassReason ?? null;
      const dateField = input.dateField ?? null;
      assertOnePlace(input);
      const terms = { name, days, mode, validUntil, bypassReason };
      const set =
        scope == null
          ? await this.#ofDatasets.setMinimumRetention(actor, {
              ...terms,
              datasetId: localId('Dataset', input.datasetId ?? '', ['datasetId']),
              dateField,
            })
          : await this.#ofScopes.set(actor, { ...terms, scope: placesFrom(scope) });
      return changed(set, loaders);
    });
  }

  @Mutation(() => MinimumRetentionPayload, {
    description: 'Removes a minimum that has run out; one in governance mode also before, by who may bypass it.',
  })
  removeMinimumRetention(
    @Acting() actor: Actor,
    @Arg('input', () => RemoveMinimumRetentionInput, { description: 'The minimum.' })
    input: RemoveMinimumRetentionInput,
    @Ctx() { loaders }: RequestContext,
  ) {
    return mutationPayload(input, async () => {
      const asked = { name: input.name, bypassReason: input.bypassReason ?? null };
      const removed =
        input.datasetId == null
          ? await this.#ofScopes.remove(actor, asked)
          : await this.#ofDatasets.removeMinimumRetention(actor, {
              ...asked,
              datasetId: localId('Dataset', input.datasetId, ['datasetId']),
            });
      return changed(removed, loaders);
    });
  }
}

@Resolver(() => MinimumRetentionType)
export class MinimumRetentionFields {
  @FieldResolver(() => PlaceScopeType, {
    nullable: true,
    description: 'The datasets that it is about; null for a minimum of one dataset alone.',
  })
  scope(@Root() minimum: MinimumRetention): PlaceScopeType | null {
    return minimum.datasetId === null ? placesToGraphql(minimum) : null;
  }

  @FieldResolver(() => HeldPlaceConnection, {
    description: 'The datasets that its scope names at this moment; none for a minimum of one dataset alone.',
  })
  async matches(
    @Root() { id }: MinimumRetention,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    return new HeldPlaceConnection(await loaders.minimumPlaces.load({ parentId: id, request: page }));
  }
}

@Resolver(() => DatasetType)
export class DatasetRetentionFields {
  @FieldResolver(() => [MinimumRetentionType], {
    description: 'How long regulations want its records to be kept, by name: its own, and those whose scope it fits.',
  })
  minimumRetentions(
    @Root() dataset: Dataset,
    @Ctx() { loaders }: RequestContext,
  ): Promise<readonly MinimumRetention[]> {
    return loaders.minimumRetentions.load(dataset.id);
  }
}

async function changed(minimumRetention: MinimumRetention, { dataset }: RequestContext['loaders']) {
  const { datasetId } = minimumRetention;
  return { dataset: datasetId === null ? null : await dataset.load(datasetId), minimumRetention };
}

/** @throws LinewardError BAD_INPUT */
function assertOnePlace({ datasetId, scope, dateField }: SetMinimumRetentionInput): void {
  if ((datasetId == null) === (scope == null))
    throw new LinewardError('BAD_INPUT', 'scope: name either a dataset or a scope', { path: ['scope'] });
  if (scope != null && dateField != null)
    throw new LinewardError('BAD_INPUT', 'dateField: with a scope, each table goes by its own date; leave it out', {
      path: ['dateField'],
    });
}
