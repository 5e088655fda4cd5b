import { Field, Int, ObjectType } from 'type-graphql';
import type { OperationKind, OperationStatus } from '../domain/operations/status.ts';
import type { Certificate } from '../entities/certificate.entity.ts';
import type { Operation, OperationSubject } from '../entities/operation.entity.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { Instant } from './scalars.ts';

export const OperationKindEnum = describedEnum<OperationKind>('OperationKind', 'What an operation does.', {
  ERASURE: 'Removes all records of accounts or data subjects from every place that holds them.',
  PROTECTION: 'Applies the protection policies in force to the stored records of an entity.',
  RETENTION: 'Removes records of a lake table that are older than its retention rule or policy allows.',
  REWRAP: 'Encrypts anew what is stored under older versions of keys than the ones in force.',
  SHRED: 'Destroys the keys of accounts or data subjects, so that nobody can read what they encrypted.',
});

export const OperationStatusEnum = describedEnum<OperationStatus>('OperationStatus', 'How far an operation has come.', {
  REQUESTED: 'Accepted; the plan is not begun.',
  PLANNING: 'The plan is being made.',
  PLANNED: 'The plan is frozen and waits for approval. A dry run ends here, with `finishedAt` set.',
  APPROVED: 'Approved; the work is about to begin.',
  EXECUTING: 'Places are being changed.',
  VERIFYING: 'Places are being read back.',
  COMPLETED: 'Done everywhere, proven, and certified.',
  PARTIAL: 'Done and certified, with open points that `statusReason` and the certificate list.',
  BLOCKED: 'Nothing may be done, e.g. because of legal holds.',
  FAILED: 'Nothing could be done; `statusReason` says why.',
  CANCELLED: 'Stopped on request; what was done by then stays done.',
});

@ObjectType('Operation', {
  implements: NodeType,
  description:
    'One piece of the product’s own work, from request over plan, approval, execution and verification to certificate.',
})
export class OperationType
  extends NodeType
  implements
    Pick<
      Operation,
      | 'kind'
      | 'status'
      | 'statusReason'
      | 'reason'
      | 'dryRun'
      | 'urgent'
      | 'planHash'
      | 'round'
      | 'requestedBy'
      | 'approvedBy'
      | 'approvalsNeeded'
      | 'approvalExpiresAt'
      | 'executeAfter'
      | 'createdAt'
      | 'plannedAt'
      | 'approvedAt'
      | 'finishedAt'
    >
{
  @Field(() => OperationKindEnum, { description: 'What it does.' })
  kind!: OperationKind;

  @Field(() => OperationStatusEnum, { description: 'How far it has come.' })
  status!: OperationStatus;

  @Field(() => String, { nullable: true, description: 'Why it is where it is, when that needs saying.' })
  statusReason!: string | null;

  @Field(() => String, { nullable: true, description: 'Why it was requested, in the requester’s words.' })
  reason!: string | null;

  @Field(() => Boolean, { description: 'True when it stops after the plan.' })
  dryRun!: boolean;

  @Field(() => Boolean, {
    description: 'True when it begins as soon as it is approved, and waits for no others to go with.',
  })
  urgent!: boolean;

  @Field(() => String, {
    nullable: true,
    description: 'SHA-256 of the canonical JSON of the plan; approval binds to it. Null until planned.',
  })
  planHash!: string | null;

  @Field(() => Int, { description: '1, and one more for each retry.' })
  round!: number;

  @Field(() => String, { description: 'Actor who asked for it.' })
  requestedBy!: string;

  @Field(() => String, { nullable: true, description: 'Actors who approved the plan so far, separated by commas.' })
  approvedBy!: string | null;

  @Field(() => Int, { description: 'How many different actors must approve the plan before it is executed.' })
  approvalsNeeded!: number;

  @Field(() => Instant, {
    nullable: true,
    description:
      'A plan that has not all approvals by then is given up: the operation is CANCELLED and forgets whom it was about. Null before the plan, and for dry runs.',
  })
  approvalExpiresAt!: Date | null;

  @Field(() => Instant, { nullable: true, description: 'Approved work begins no sooner; null when at once.' })
  executeAfter!: Date | null;

  @Field(() => Instant, { description: 'When it was requested.' })
  createdAt!: Date;

  @Field(() => Instant, { nullable: true, description: 'When the plan was frozen.' })
  plannedAt!: Date | null;

  @Field(() => Instant, { nullable: true, description: 'When it was approved.' })
  approvedAt!: Date | null;

  @Field(() => Instant, { nullable: true, description: 'When it ended.' })
  finishedAt!: Date | null;
}

@ObjectType('OperationSubject', {
  description:
    'Whom an operation is about. The clear identifiers are dropped when it completes or is cancelled, when a dry run is planned, and 30 days after any other end that nobody retried; the digest stays.',
})
class OperationSubjectType implements Pick<OperationSubject, 'digest' | 'held' | 'accountId' | 'subjectField'> {
  @Field(() => String, {
    description: 'Keyed digest (HMAC-SHA-256, hex) of the selector; equal selectors have equal digests.',
  })
  digest!: string;

  @Field(() => Boolean, { description: 'True when a legal hold keeps it.' })
  held!: boolean;

  @Field(() => String, { nullable: true, description: 'The account while there may be work left; null afterwards.' })
  accountId!: string | null;

  @Field(() => String, { nullable: true, description: 'Field that names the data subject; null for a whole account.' })
  subjectField!: string | null;
}

@ObjectType('Certificate', {
  implements: NodeType,
  description:
    'The signed summary of a finished operation. `npx lineward audit verify FILE` checks it without this service.',
})
export class CertificateType extends NodeType implements Pick<Certificate, 'signature' | 'publicKey' | 'issuedAt'> {
  @Field(() => String, { description: 'Ed25519 signature of the canonical JSON of `body`, base64.' })
  signature!: string;

  @Field(() => String, { description: 'Public key, SPKI DER in base64.' })
  publicKey!: string;

  @Field(() => Instant, { description: 'When it was signed.' })
  issuedAt!: Date;
}

export const OperationConnection = connectionOf('Operation', () => OperationType, 'Operations, newest first.');
export const OperationSubjectConnection = connectionOf(
  'OperationSubject',
  () => OperationSubjectType,
  'Subjects of one operation, by digest.',
);
