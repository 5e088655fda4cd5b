import { Field, Int, ObjectType } from 'type-graphql';
import type { TargetStatus } from '../domain/operations/status.ts';
import type {
  Gap,
  Residue,
  TargetEstimate,
  TargetReceipt,
  TargetRole,
  TargetVerification,
} from '../domain/operations/target.ts';
import type { OperationTarget } from '../entities/operation.entity.ts';
import { connectionOf } from './connection.type.ts';
import { mappingRoleDescriptions } from './dataset.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { Instant, Json } from './scalars.ts';

const TargetRoleEnum = describedEnum<TargetRole>('TargetRole', 'What kind of place an operation acts on.', {
  ...mappingRoleDescriptions,
  KEY_RING: 'The keys of this installation.',
});

const TargetStatusEnum = describedEnum<TargetStatus>('TargetStatus', 'How far the work in one place has come.', {
  PENDING: 'Not begun.',
  EXECUTING: 'Being changed.',
  EXECUTED: 'Changed, not yet read back.',
  VERIFYING: 'Being read back.',
  VERIFIED: 'Read back.',
  FAILED: 'Given up; `statusReason` says why.',
  CANCELLED: 'Stopped on request.',
});

@ObjectType('Gap', { description: 'A place or part of one that an operation cannot reach, and why.' })
export class GapType implements Gap {
  @Field(() => String, { description: 'Kind of gap, e.g. `LAKE_FILE_UNREADABLE`.' })
  code!: string;

  @Field(() => String, { description: 'Name of the dataset.' })
  dataset!: string;

  @Field(() => String, { description: 'What cannot be reached and why, for people.' })
  reason!: string;
}

@ObjectType('Residue', { description: 'A copy that fades by itself after the operation.' })
class ResidueType implements Residue {
  @Field(() => String, { description: 'Name of the dataset.' })
  dataset!: string;

  @Field(() => String, { description: 'What remains and why it goes.' })
  reason!: string;

  @Field(() => String, {
    nullable: true,
    description: 'When it is gone at the latest, ISO 8601; null when nobody can say.',
  })
  until!: string | null;
}

@ObjectType('TargetEstimate', { description: 'What the plan expects in one place. Counts are estimates.' })
class TargetEstimateType implements Pick<TargetEstimate, 'action' | 'files' | 'bytes' | 'records' | 'seconds'> {
  @Field(() => String, {
    description: '`REWRITE`, `TOMBSTONE`, `DELETE_RECORDS`, `DESTROY`, or `NONE` when nothing can be done there.',
  })
  action!: TargetEstimate['action'];

  @Field(() => Int, { description: 'Files to be changed.' })
  files!: number;

  @Field(() => Number, { description: 'Bytes to be read.' })
  bytes!: number;

  @Field(() => Number, { description: 'Records to be erased, or at most to be changed.' })
  records!: number;

  @Field(() => Number, { description: 'Expected time, seconds.' })
  seconds!: number;
}

@ObjectType('TargetReceipt', { description: 'What was done in one place.' })
class TargetReceiptType implements Omit<TargetReceipt, 'bytesBefore' | 'bytesAfter'> {
  @Field(() => Number, { description: 'Records erased.' })
  recordsErased!: number;

  @Field(() => Number, { nullable: true, description: 'Records in which values were replaced.' })
  recordsChanged?: number | undefined;

  @Field(() => Number, { description: 'Other records that stayed as they were in what was changed.' })
  recordsKept!: number;

  @Field(() => Int, { description: 'Files replaced.' })
  filesRewritten!: number;

  @Field(() => Int, { description: 'Files removed because nothing was left in them.' })
  filesRemoved!: number;

  @Field(() => Json, { description: 'Per file or partition: identities, digests, counts, offsets.' })
  evidence!: TargetReceipt['evidence'];

  @Field(() => [ResidueType], { description: 'Copies that fade by themselves.' })
  residues!: readonly Residue[];

  @Field(() => [GapType], { description: 'What could not be done here.' })
  open!: readonly Gap[];
}

@ObjectType('TargetVerification', { description: 'What an independent read-back of one place saw.' })
class TargetVerificationType implements TargetVerification {
  @Field(() => Number, { description: 'Records on which the operation would still have to act; 0 is proof.' })
  survivors!: number;

  @Field(() => Number, { description: 'Records of others that are missing; 0 is proof.' })
  lost!: number;

  @Field(() => Number, { description: 'Records read.' })
  recordsScanned!: number;

  @Field(() => String, { description: 'How it was read.' })
  method!: string;

  @Field(() => [GapType], { description: 'What could not be read.' })
  open!: readonly Gap[];
}

@ObjectType('Progress', { description: 'How much of the work in one place is done.' })
export class ProgressType {
  @Field(() => Int, { description: 'Units done.' })
  done!: number;

  @Field(() => Int, { description: 'Units in all.' })
  total!: number;

  @Field(() => String, { description: 'What is counted: `files`, `messages` or `keys`.' })
  unit!: string;

  @Field(() => Number, { nullable: true, description: 'Bytes of the units done; null where units have no size.' })
  bytesDone!: number | null;

  @Field(() => Number, { nullable: true, description: 'Bytes of all units; null where units have no size.' })
  bytesTotal!: number | null;

  @Field(() => Number, {
    nullable: true,
    description:
      'Records removed or changed so far while it is executed, read so far while it is verified; null where they are counted at the end alone.',
  })
  records!: number | null;

  @Field(() => Instant, {
    nullable: true,
    description: 'When the worker that is at it began; null for work of earlier versions.',
  })
  startedAt!: Date | null;

  @Field(() => Int, {
    nullable: true,
    description:
      'Seconds that the rest takes at the speed so far, by bytes where there are some; null as long as there is no speed.',
  })
  secondsLeft!: number | null;
}

@ObjectType('OperationTarget', { implements: NodeType, description: 'One place an operation acts on.' })
export class OperationTargetType
  extends NodeType
  implements
    Pick<
      OperationTarget,
      'role' | 'sequence' | 'status' | 'statusReason' | 'estimate' | 'receipt' | 'verification' | 'updatedAt'
    >
{
  @Field(() => TargetRoleEnum, { description: 'What kind of place.' })
  role!: TargetRole;

  @Field(() => Int, { description: 'Order along lineage: places of a lower number finish first.' })
  sequence!: number;

  @Field(() => TargetStatusEnum, { description: 'How far the work has come.' })
  status!: TargetStatus;

  @Field(() => String, { nullable: true, description: 'Why it waits or failed.' })
  statusReason!: string | null;

  @Field(() => TargetEstimateType, { description: 'What the plan expects.' })
  estimate!: TargetEstimate;

  @Field(() => TargetReceiptType, { nullable: true, description: 'What was done; null until executed.' })
  receipt!: TargetReceipt | null;

  @Field(() => TargetVerificationType, { nullable: true, description: 'What the read-back saw; null until verified.' })
  verification!: TargetVerification | null;

  @Field(() => Instant, { description: 'Last change.' })
  updatedAt!: Date;
}

export const OperationTargetConnection = connectionOf(
  'OperationTarget',
  () => OperationTargetType,
  'Targets of one operation, in working order.',
);
