import { Field, Float, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { ChangeType } from '../domain/changes/change-type.ts';
import { type AttemptOutcome, attemptOutcomes, type Webhook, type WebhookState } from '../domain/changes/webhook.ts';
import { ChangeTypeEnum } from './change.type.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';

const WebhookStateEnum = describedEnum<WebhookState>('WebhookState', 'Whether a webhook is told of changes.', {
  ACTIVE: 'It is told, and tried again where that fails.',
  PAUSED: 'It is not; when it is resumed it goes on where it stopped.',
});

export const AttemptOutcomeEnum = describedEnum<AttemptOutcome>(
  'WebhookAttemptOutcome',
  'How an attempt to tell a webhook something ended.',
  attemptOutcomes,
);

@ObjectType('Webhook', {
  implements: NodeType,
  description: 'A URL that is told of changes, in their order, each at least once. URL and secret are not shown.',
})
export class WebhookType extends NodeType implements Omit<Webhook, 'lastOutcome'> {
  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => String, { description: 'Scheme, host and port of its URL; the rest may be secret.' })
  origin!: string;

  @Field(() => [ChangeTypeEnum], { nullable: true, description: 'What it is told of; null for all changes.' })
  types!: readonly ChangeType[] | null;

  @Field(() => WebhookStateEnum, { description: 'Whether it is told.' })
  state!: WebhookState;

  @Field(() => String, { nullable: true, description: 'Why it is paused; null while it is not.' })
  pausedReason!: string | null;

  @Field(() => Float, { description: 'The `seq` up to which it has been told. A whole number.' })
  deliveredSeq!: number;

  @Field(() => Int, { description: 'Attempts of the message under way that failed.' })
  attempts!: number;

  @Field(() => Instant, { nullable: true, description: 'Since when nothing could be delivered; null while it can.' })
  failingSince!: Date | null;

  @Field(() => Instant, {
    nullable: true,
    description: 'When it is tried again; null unless the last attempt failed, and while it is paused.',
  })
  nextAttemptAt!: Date | null;

  @Field(() => Instant, { nullable: true, description: 'When the last attempt was; null where there was none.' })
  lastAttemptAt!: Date | null;

  @Field(() => Int, { nullable: true, description: 'What the receiver answered last; null where it answered nothing.' })
  lastStatus!: number | null;

  @Field(() => Instant, { nullable: true, description: 'When it was last told something; null for never.' })
  lastDeliveredAt!: Date | null;

  @Field(() => String, { description: 'Actor who made it.' })
  createdBy!: string;

  @Field(() => Instant, { description: 'When it was made.' })
  createdAt!: Date;
}

@InputType({ description: 'A webhook to make.' })
export class CreateWebhookInput extends MutationInput {
  @Field(() => String, { description: 'Its name, which no other webhook has.' })
  name!: string;

  @Field(() => String, { description: 'Where messages are posted to: an `https:` URL at a public address.' })
  url!: string;

  @Field(() => [ChangeTypeEnum], { nullable: true, description: 'What it is told of; all changes when absent.' })
  types?: ChangeType[];
}

@InputType({ description: 'A webhook.' })
export class WebhookInput extends MutationInput {
  @Field(() => ID, { description: 'The webhook.' })
  id!: string;
}

@ObjectType({ description: 'The webhook after the change.' })
export class WebhookPayload extends MutationPayload {
  @Field(() => WebhookType, { nullable: true, description: 'The webhook, or what it was; null when refused.' })
  webhook?: Webhook | null;
}

@ObjectType({ description: 'The webhook after the change, and a new secret.' })
export class WebhookSecretPayload extends WebhookPayload {
  @Field(() => String, {
    nullable: true,
    description: 'The secret by which messages are signed, `whsec_` and base64. It is told this once.',
  })
  secret?: string | null;
}

@ObjectType({ description: 'How a test went.' })
export class TestWebhookPayload extends WebhookPayload {
  @Field(() => AttemptOutcomeEnum, { nullable: true, description: 'How it ended; null when refused.' })
  outcome?: AttemptOutcome | null;

  @Field(() => Int, { nullable: true, description: 'What the receiver answered; null where it answered nothing.' })
  status?: number | null;
}

export const WebhookConnection = connectionOf('Webhook', () => WebhookType, 'Webhooks, newest first.');
