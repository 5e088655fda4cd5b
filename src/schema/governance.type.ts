import { Field, ID, InputType, ObjectType } from 'type-graphql';
import type { AuditEvent } from '../entities/audit-event.entity.ts';
import type { LegalHold } from '../entities/legal-hold.entity.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { SubjectSelectorInput } from './operation.input.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Instant, Json } from './scalars.ts';

@ObjectType('LegalHold', {
  implements: NodeType,
  description: 'Keeps the data of an account or subject from every erasure until released.',
})
export class LegalHoldType
  extends NodeType
  implements
    Pick<
      LegalHold,
      | 'matterId'
      | 'reason'
      | 'accountId'
      | 'subjectField'
      | 'subjectValue'
      | 'placedBy'
      | 'placedAt'
      | 'releasedBy'
      | 'releasedAt'
    >
{
  @Field(() => String, { description: 'The legal matter it serves.' })
  matterId!: string;

  @Field(() => String, { description: 'Why it was placed.' })
  reason!: string;

  @Field(() => String, { description: 'The account it keeps.' })
  accountId!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Field that names the subject; null when it keeps the whole account.',
  })
  subjectField!: string | null;

  @Field(() => String, { nullable: true, description: 'Value that names the subject.' })
  subjectValue!: string | null;

  @Field(() => String, { description: 'Actor who placed it.' })
  placedBy!: string;

  @Field(() => Instant, { description: 'When it was placed.' })
  placedAt!: Date;

  @Field(() => String, { nullable: true, description: 'Actor who released it; null while active.' })
  releasedBy!: string | null;

  @Field(() => Instant, { nullable: true, description: 'When it was released; null while active.' })
  releasedAt!: Date | null;
}

@InputType({ description: 'A legal hold to place.' })
export class PlaceLegalHoldInput extends MutationInput {
  @Field(() => String, { description: 'The legal matter, as counsel names it.' })
  matterId!: string;

  @Field(() => String, { description: 'Why.' })
  reason!: string;

  @Field(() => SubjectSelectorInput, { description: 'What it keeps.' })
  scope!: SubjectSelectorInput;
}

@InputType({ description: 'A legal hold to end.' })
export class ReleaseLegalHoldInput extends MutationInput {
  @Field(() => ID, { description: 'The hold.' })
  id!: string;

  @Field(() => String, { description: 'Why it ends.' })
  reason!: string;
}

@ObjectType({ description: 'The legal hold after the change.' })
export class LegalHoldPayload extends MutationPayload {
  @Field(() => LegalHoldType, { nullable: true, description: 'The hold; null when refused.' })
  legalHold?: LegalHold | null;
}

@InputType({ description: 'Which legal holds; all given conditions hold.' })
export class LegalHoldFilter {
  @Field(() => Boolean, { nullable: true, description: 'Only active ones, or only released ones.' })
  active?: boolean;

  @Field(() => String, { nullable: true, description: 'On this account.' })
  accountId?: string;
}

const AuditOutcomeEnum = describedEnum<AuditEvent['outcome']>('AuditOutcome', 'How an audited action ended.', {
  SUCCESS: 'It was done.',
  REFUSED: 'It was not allowed.',
  FAILED: 'It was tried and failed.',
});

@ObjectType('AuditEvent', {
  implements: NodeType,
  description: 'Who did what to which object. Never changed, never deleted.',
})
export class AuditEventType
  extends NodeType
  implements
    Pick<AuditEvent, 'at' | 'actorId' | 'actorKind' | 'action' | 'resourceType' | 'outcome' | 'details' | 'requestId'>
{
  @Field(() => Instant, { description: 'When.' })
  at!: Date;

  @Field(() => String, { description: 'Who.' })
  actorId!: string;

  @Field(() => String, { description: '`local`, `token`, or `system` for work the product starts itself.' })
  actorKind!: string;

  @Field(() => String, { description: 'What was done, e.g. `approveOperation`.' })
  action!: string;

  @Field(() => String, { description: 'Type of the object it was done to.' })
  resourceType!: string;

  @Field(() => AuditOutcomeEnum, { description: 'How it ended.' })
  outcome!: AuditEvent['outcome'];

  @Field(() => Json, { description: 'Ids, names of schemas and counts. Never personal data.' })
  details!: AuditEvent['details'];

  @Field(() => String, { nullable: true, description: 'Request it came in, as in `X-Request-Id`.' })
  requestId!: string | null;
}

@InputType({ description: 'Which audit events; all given conditions hold.' })
export class AuditEventFilter {
  @Field(() => ID, { nullable: true, description: 'About this object.' })
  resourceId?: string;

  @Field(() => String, { nullable: true, description: 'With this action.' })
  action?: string;
}

export const LegalHoldConnection = connectionOf('LegalHold', () => LegalHoldType, 'Legal holds, newest first.');
export const AuditEventConnection = connectionOf('AuditEvent', () => AuditEventType, 'Audit events, newest first.');
