import { Arg, Args, Ctx, FieldResolver, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import type { AttemptOutcome, Webhook } from '../domain/changes/webhook.ts';
import { localId } from '../domain/global-id.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import {
  AttemptOutcomeEnum,
  CreateWebhookInput,
  TestWebhookPayload,
  WebhookConnection,
  WebhookInput,
  WebhookPayload,
  WebhookSecretPayload,
  WebhookType,
} from '../schema/webhook.type.ts';
import type { WebhookReadModel } from '../services/changes/webhook.read-model.ts';
import type { WebhookService } from '../services/changes/webhook.service.ts';
import type { WebhookTesting } from '../services/changes/webhook-testing.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';

const which = 'Which one.';

@Resolver(() => WebhookType)
export class WebhookResolver {
  readonly #readModel: WebhookReadModel;
  readonly #service: WebhookService;
  readonly #testing: WebhookTesting;

  constructor(deps: {
    readonly webhooks: WebhookReadModel;
    readonly webhookService: WebhookService;
    readonly webhookTesting: WebhookTesting;
  }) {
    this.#readModel = deps.webhooks;
    this.#service = deps.webhookService;
    this.#testing = deps.webhookTesting;
  }

  @Query(() => WebhookConnection, { description: 'Webhooks, newest first.' })
  async webhooks(@Args(() => ConnectionArgs) page: ConnectionArgs) {
    return new WebhookConnection(await this.#readModel.webhooks(page));
  }

  @Mutation(() => WebhookSecretPayload, {
    description: 'Has a URL told of changes from now on, in signed messages. The secret is answered this once.',
  })
  createWebhook(
    @Acting() actor: Actor,
    @Arg('input', () => CreateWebhookInput, { description: 'The webhook.' }) input: CreateWebhookInput,
  ) {
    const { name, url, types = null } = input;
    return mutationPayload(input, () => this.#service.createWebhook(actor, { name, url, types }));
  }

  @Mutation(() => WebhookPayload, { description: 'Stops telling a webhook; it keeps its place.' })
  pauseWebhook(@Acting() actor: Actor, @Arg('input', () => WebhookInput, { description: which }) input: WebhookInput) {
    return mutationPayload(input, async () => ({ webhook: await this.#service.pauseWebhook(actor, idOf(input)) }));
  }

  @Mutation(() => WebhookPayload, {
    description: 'Goes on where a webhook stopped; of one that is tried again later, at once.',
  })
  resumeWebhook(@Acting() actor: Actor, @Arg('input', () => WebhookInput, { description: which }) input: WebhookInput) {
    return mutationPayload(input, async () => ({ webhook: await this.#service.resumeWebhook(actor, idOf(input)) }));
  }

  @Mutation(() => WebhookPayload, { description: 'Removes a webhook with its secret and its place.' })
  deleteWebhook(@Acting() actor: Actor, @Arg('input', () => WebhookInput, { description: which }) input: WebhookInput) {
    return mutationPayload(input, async () => ({ webhook: await this.#service.deleteWebhook(actor, idOf(input)) }));
  }

  @Mutation(() => WebhookSecretPayload, {
    description: 'Makes a new secret. For a day messages are signed by that of before as well.',
  })
  rotateWebhookSecret(
    @Acting() actor: Actor,
    @Arg('input', () => WebhookInput, { description: which }) input: WebhookInput,
  ) {
    return mutationPayload(input, () => this.#service.rotateWebhookSecret(actor, idOf(input)));
  }

  @Mutation(() => TestWebhookPayload, {
    description: 'Sends a message of type `lineward.test` once, and says how it went.',
  })
  testWebhook(@Acting() actor: Actor, @Arg('input', () => WebhookInput, { description: which }) input: WebhookInput) {
    return mutationPayload(input, async () => {
      const { webhook, attempt } = await this.#testing.testWebhook(actor, idOf(input));
      return { webhook, ...attempt };
    });
  }

  @FieldResolver(() => Int, { description: 'Changes that it has still to be told of, counted up to 100,000.' })
  behind(@Root() { id }: Webhook, @Ctx() { loaders }: RequestContext): Promise<number> {
    return loaders.changesBehind.load(id);
  }

  @FieldResolver(() => AttemptOutcomeEnum, {
    nullable: true,
    description: 'How the last attempt ended; null where there was none.',
  })
  lastAttemptOutcome(@Root() { lastOutcome }: Webhook): AttemptOutcome | null {
    return lastOutcome;
  }
}

const idOf = ({ id }: WebhookInput): string => localId('Webhook', id);
