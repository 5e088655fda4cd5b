import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import type { RetentionValues } from '../domain/kafka/topic-retention.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { TopicRetention } from '../entities/topic-retention.entity.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import {
  ApplyTopicRetentionInput,
  DeleteTopicRetentionInput,
  DeleteTopicRetentionPayload,
  RetentionPlanType,
  SetTopicRetentionInput,
  TopicRetentionConnection,
  TopicRetentionFilter,
  TopicRetentionPayload,
  TopicRetentionType,
  TopicRetentionVersionConnection,
  TopicRetentionVersionType,
  TopicSettingType,
} from '../schema/topic-retention.type.ts';
import type { TopicRetentionReadModel, TopicRetentionVersion } from '../services/kafka/topic-retention.read-model.ts';
import type { TopicRetentionService } from '../services/kafka/topic-retention.service.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver(() => TopicRetentionType)
export class TopicRetentionResolver {
  readonly #service: TopicRetentionService;
  readonly #readModel: TopicRetentionReadModel;

  constructor(deps: {
    readonly topicRetentionService: TopicRetentionService;
    readonly topicRetentions: TopicRetentionReadModel;
  }) {
    this.#service = deps.topicRetentionService;
    this.#readModel = deps.topicRetentions;
  }

  @Query(() => TopicRetentionConnection, { description: 'Retentions of topics, oldest first.' })
  async topicRetentions(
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Arg('filter', () => TopicRetentionFilter, { nullable: true, description: 'Which retentions.' })
    filter?: TopicRetentionFilter,
  ) {
    return new TopicRetentionConnection(await this.#readModel.topicRetentions(page, filter ?? {}));
  }

  @Mutation(() => TopicRetentionPayload, {
    description:
      'Says how long records of a topic stay. What keeps them longer follows soon; what deletes sooner waits for `applyTopicRetention`.',
  })
  setTopicRetention(
    @Acting() actor: Actor,
    @Arg('input', () => SetTopicRetentionInput, { description: 'The retention.' }) input: SetTopicRetentionInput,
  ) {
    return mutationPayload(input, async () => ({
      topicRetention: await this.#service.setTopicRetention(actor, {
        datasetId: localId('Dataset', input.datasetId, ['datasetId']),
        settings: input.settings,
        expectedVersion: input.expectedVersion,
      }),
    }));
  }

  @Mutation(() => TopicRetentionPayload, {
    description:
      'Approves a retention by the hash of its plan, and puts it in force once it has all approvals that approval policies of kind RETENTION ask for. Deletes what is older then; refused while a legal hold concerns the topic.',
  })
  applyTopicRetention(
    @Acting() actor: Actor,
    @Arg('input', () => ApplyTopicRetentionInput, { description: 'The retention and its plan.' })
    input: ApplyTopicRetentionInput,
  ) {
    return mutationPayload(input, async () => ({
      topicRetention: await this.#service.applyTopicRetention(actor, {
        id: localId('TopicRetention', input.id),
        planHash: input.planHash,
      }),
    }));
  }

  @Mutation(() => DeleteTopicRetentionPayload, {
    description: 'Takes a retention away. The topic keeps the settings that it has.',
  })
  deleteTopicRetention(
    @Acting() actor: Actor,
    @Arg('input', () => DeleteTopicRetentionInput, { description: 'The retention.' }) input: DeleteTopicRetentionInput,
  ) {
    return mutationPayload(input, async () => {
      await this.#service.deleteTopicRetention(actor, localId('TopicRetention', input.id));
      return { deletedId: input.id };
    });
  }

  @FieldResolver(() => DatasetType, { nullable: true, description: 'The topic.' })
  dataset(@Root() retention: TopicRetention, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(retention.datasetId);
  }

  @FieldResolver(() => [TopicSettingType], { description: 'What it says.' })
  settings(@Root() retention: TopicRetention): readonly TopicSettingType[] {
    return settingsOf(retention.policy);
  }

  @FieldResolver(() => RetentionPlanType, {
    description: 'What `applyTopicRetention` would do now, read from the broker. Fails where Kafka does not answer.',
  })
  async retentionPlan(
    @Root() retention: TopicRetention,
    @Ctx() { loaders }: RequestContext,
  ): Promise<RetentionPlanType> {
    const plan = await loaders.retentionPlan.load(retention);
    return { ...plan, holds: plan.holds.length };
  }

  @FieldResolver(() => TopicRetentionVersionConnection, { description: 'Its versions, newest first.' })
  async policyVersions(
    @Root() retention: TopicRetention,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    const request = { parentId: retention.id, request: page };
    return new TopicRetentionVersionConnection(await loaders.versionsOfRetention.load(request));
  }
}

@Resolver(() => TopicRetentionVersionType)
export class TopicRetentionVersionFields {
  @FieldResolver(() => [TopicSettingType], { description: 'What it said.' })
  settings(@Root() version: TopicRetentionVersion): readonly TopicSettingType[] {
    return settingsOf(version.policy);
  }
}

const settingsOf = (values: RetentionValues): readonly TopicSettingType[] =>
  Object.entries(values)
    .map(([name, value]) => ({ name, value }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
