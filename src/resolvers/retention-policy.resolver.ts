import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import type { PolicyState } from '../domain/governance/retention-policy.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { RetentionPolicy } from '../entities/retention-policy.entity.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import { PlaceScopeType } from '../schema/place-scope.type.ts';
import {
  EffectiveRetentionType,
  RetentionPolicyConnection,
  RetentionPolicyPayload,
  RetentionPolicyPlaceConnection,
  RetentionPolicyPlaceType,
  RetentionPolicyStateEnum,
  RetentionPolicyType,
  RetentionPolicyVersionConnection,
  RetentionPolicyVersionType,
  RetireRetentionPolicyInput,
  SetRetentionPolicyInput,
} from '../schema/retention-policy.type.ts';
import type {
  PolicyPlace,
  RetentionPolicyReadModel,
  RetentionPolicyVersion,
} from '../services/governance/retention-policy.read-model.ts';
import type { RetentionPolicyService } from '../services/governance/retention-policy.service.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';
import { placesFrom, placesToGraphql } from './place-scope.ts';

@Resolver()
export class RetentionPolicyResolver {
  readonly #service: RetentionPolicyService;
  readonly #readModel: Pick<RetentionPolicyReadModel, 'retentionPolicies'>;

  constructor(deps: {
    readonly retentionPolicyService: RetentionPolicyService;
    readonly retentionPolicies: RetentionPolicyReadModel;
  }) {
    this.#service = deps.retentionPolicyService;
    this.#readModel = deps.retentionPolicies;
  }

  @Query(() => RetentionPolicyConnection, { description: 'Retention policies, by name.' })
  async retentionPolicies(
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Arg('includeRetired', () => Boolean, { nullable: true, description: 'Also those that were retired. Default no.' })
    includeRetired?: boolean | null,
  ) {
    const found = await this.#readModel.retentionPolicies(page, { retired: includeRetired ?? false });
    return new RetentionPolicyConnection(found);
  }

  @Mutation(() => RetentionPolicyPayload, {
    description:
      'Says how long lake tables that fit a scope keep their rows, also those that come later. Nothing goes by that alone: each UTC day an operation is asked for of each table, with a plan that waits for approval.',
  })
  setRetentionPolicy(
    @Acting() actor: Actor,
    @Arg('input', () => SetRetentionPolicyInput, { description: 'The policy.' }) input: SetRetentionPolicyInput,
  ) {
    return mutationPayload(input, async () => ({
      retentionPolicy: await this.#service.setRetentionPolicy(actor, {
        name: input.name,
        days: input.days,
        autoApprove: input.autoApprove ?? false,
        scope: placesFrom(input.scope),
        expectedVersion: input.expectedVersion ?? undefined,
      }),
    }));
  }

  @Mutation(() => RetentionPolicyPayload, {
    description: 'Ends a policy: its tables go by another one, or keep their rows. Plans that nobody approved end.',
  })
  retireRetentionPolicy(
    @Acting() actor: Actor,
    @Arg('input', () => RetireRetentionPolicyInput, { description: 'The policy.' }) input: RetireRetentionPolicyInput,
  ) {
    return mutationPayload(input, async () => ({
      retentionPolicy: await this.#service.retireRetentionPolicy(actor, { name: input.name }),
    }));
  }
}

@Resolver(() => RetentionPolicyType)
export class RetentionPolicyFields {
  @FieldResolver(() => PlaceScopeType, { description: 'The datasets that it is about.' })
  scope(@Root() policy: RetentionPolicy): PlaceScopeType {
    return placesToGraphql(policy);
  }

  @FieldResolver(() => RetentionPolicyVersionConnection, { description: 'Its versions, newest first.' })
  async versions(
    @Root() { id }: RetentionPolicy,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    const request = { parentId: id, request: page };
    return new RetentionPolicyVersionConnection(await loaders.versionsOfRetentionPolicy.load(request));
  }

  @FieldResolver(() => RetentionPolicyPlaceConnection, {
    description: 'The datasets that its scope names at this moment, by name; none for a policy that was retired.',
  })
  async places(
    @Root() { id }: RetentionPolicy,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
    @Arg('state', () => RetentionPolicyStateEnum, { nullable: true, description: 'Only those in this state.' })
    state?: PolicyState | null,
  ) {
    const request = { parentId: id, request: page };
    return new RetentionPolicyPlaceConnection(await loaders.retentionPolicyPlaces[state ?? 'ANY'].load(request));
  }
}

@Resolver(() => RetentionPolicyVersionType)
export class RetentionPolicyVersionFields {
  @FieldResolver(() => PlaceScopeType, { description: 'The datasets that it was about.' })
  scope(@Root() version: RetentionPolicyVersion): PlaceScopeType {
    return placesToGraphql(version.scope);
  }
}

@Resolver(() => RetentionPolicyPlaceType)
export class RetentionPolicyPlaceFields {
  @FieldResolver(() => DatasetType, { nullable: true, description: 'The dataset.' })
  dataset(@Root() place: PolicyPlace, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(place.datasetId);
  }
}

@Resolver(() => DatasetType)
export class EffectiveRetentionFields {
  @FieldResolver(() => EffectiveRetentionType, {
    nullable: true,
    description:
      'How long a lake table keeps its rows: by its own rule, or by the retention policy that goes before others here. Null where nothing is said. Of a topic see `topicRetentions`; minimums and holds keep longer.',
  })
  async effectiveRetention(
    @Root() dataset: Dataset,
    @Ctx() { loaders }: RequestContext,
  ): Promise<EffectiveRetentionType | null> {
    const found = await loaders.effectiveRetention.load(dataset.id);
    if (found === null) return null;
    const { policy, ...retention } = found;
    return { ...retention, policyName: policy?.name ?? null, policyVersion: policy?.version ?? null };
  }
}
