import { Field, Float, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { AuditSeal, AuditVerification } from '../domain/audit/audit-proof.ts';
import type { AuditFault, AuditFaultCode } from '../domain/audit/chain-verifier.ts';
import type { AuditEvent } from '../entities/audit-event.entity.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { Instant, Json } from './scalars.ts';

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

  @Field(() => String, { description: '`local`, `token`, `oidc`, or `system` for work the product starts itself.' })
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

@ObjectType('AuditSeal', { description: 'The place of an audit event in the hash chain over the audit log.' })
export class AuditSealType implements Pick<AuditSeal, 'seq' | 'prev' | 'hash' | 'sealedAt'> {
  @Field(() => Float, { description: 'Place in the chain, from 1 without gaps; a whole number.' })
  seq!: number;

  @Field(() => String, { description: 'Hash of the link before, SHA-256 in hex; 64 zeros for the first.' })
  prev!: string;

  @Field(() => String, { description: 'Hash of this link, SHA-256 in hex.' })
  hash!: string;

  @Field(() => Instant, { description: 'When it was sealed.' })
  sealedAt!: Date;
}

const AuditFaultCodeEnum = describedEnum<AuditFaultCode>('AuditFaultCode', 'How the audit log was tampered with.', {
  RECORD_CHANGED: 'A link does not fit its own hash.',
  EVENT_CHANGED: 'An event says something else than was sealed.',
  EVENT_MISSING: 'An event that was sealed is gone.',
  EVENT_UNSEALED: 'An event was put in without waiting to be sealed.',
  GAP: 'A link is missing.',
  REORDERED: 'A link is not in its place.',
  CHAIN_BROKEN: 'A link names another one before it.',
  TRUNCATED: 'The end of the chain is missing.',
  CHECKPOINT_INVALID: 'A checkpoint is not signed by the key of this installation.',
  CHECKPOINT_MISMATCH: 'A checkpoint has seen other links.',
  CHECKPOINT_MISSING: 'A checkpoint is missing.',
});

@ObjectType('AuditFault', { description: 'The first place where the audit log is not as it was written.' })
class AuditFaultType implements AuditFault {
  @Field(() => AuditFaultCodeEnum, { description: 'What is wrong.' })
  code!: AuditFaultCode;

  @Field(() => Float, { description: 'The first link that is not as it was; a whole number.' })
  seq!: number;

  @Field(() => String, { description: 'In words.' })
  explanation!: string;
}

@ObjectType('AuditVerification', {
  description:
    'What a verification of the audit log found: each link beside the one before and the event that it seals, each checkpoint beside the one that was published.',
})
export class AuditVerificationType
  implements
    Pick<
      AuditVerification,
      'fault' | 'links' | 'verifiedTo' | 'head' | 'checkpoints' | 'lastCheckpointAt' | 'pending' | 'publicKey'
    >
{
  @Field(() => AuditFaultType, { nullable: true, description: 'What is wrong first; null when nothing is.' })
  fault!: AuditFault | null;

  @Field(() => Float, { description: 'Links that were followed and are right; a whole number.' })
  links!: number;

  @Field(() => Float, {
    description: 'The last of them, to go on behind it: one call follows at most a million. A whole number.',
  })
  verifiedTo!: number;

  @Field(() => Float, { description: 'The last link there is; a whole number.' })
  head!: number;

  @Field(() => Int, { description: 'Checkpoints that fit.' })
  checkpoints!: number;

  @Field(() => Instant, { nullable: true, description: 'When the last of them was made; null when there was none.' })
  lastCheckpointAt!: Date | null;

  @Field(() => Float, { description: 'Events that are written and not sealed yet; a whole number.' })
  pending!: number;

  @Field(() => String, {
    description: 'The key that checkpoints are signed with: Ed25519, SPKI DER in base64. For `lineward audit verify`.',
  })
  publicKey!: string;
}

@InputType({ description: 'Which audit events; all given conditions hold.' })
export class AuditEventFilter {
  @Field(() => ID, { nullable: true, description: 'About this object.' })
  resourceId?: string;

  @Field(() => String, { nullable: true, description: 'With this action.' })
  action?: string;

  @Field(() => String, { nullable: true, description: 'By this actor.' })
  actorId?: string;

  @Field(() => AuditOutcomeEnum, { nullable: true, description: 'That ended so.' })
  outcome?: AuditEvent['outcome'];

  @Field(() => Instant, { nullable: true, description: 'At this instant or later.' })
  since?: Date;

  @Field(() => Instant, { nullable: true, description: 'Before this instant.' })
  before?: Date;
}

export const AuditEventConnection = connectionOf('AuditEvent', () => AuditEventType, 'Audit events, newest first.');
