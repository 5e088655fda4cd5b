import { Field, Int, ObjectType } from 'type-graphql';
import type {
  ReadRange,
  RunDays,
  RunStatistics,
  SourceFile,
  TransformRunMode,
  TransformRunStatus,
} from '../domain/transform/run-state.ts';
import type { TransformRun } from '../entities/transform-run.entity.ts';
import type { ErrorCode } from '../errors/codes.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { ErrorCodeEnum } from './payload.type.ts';
import { Instant } from './scalars.ts';

export const TransformRunModeEnum = describedEnum<TransformRunMode>('TransformRunMode', 'What a run reads.', {
  INCREMENTAL: 'On from where the last run ended; the first reads all.',
  BATCH: 'All that the sources hold, merged into what the table has. Refused where sums would count records twice.',
  BACKFILL:
    'Of all that the sources hold the rows of some days, by the date that partitions go by. The next run goes on as if there had been none.',
});

const TransformRunStatusEnum = describedEnum<TransformRunStatus>('TransformRunStatus', 'How far a run is.', {
  REQUESTED: 'It has not begun.',
  READING: 'Records are read, and brought into the form of the table.',
  MERGING: 'Rows are merged with those of the table, and files are made aside.',
  PUBLISHING: 'Files come into the table, beside those that they replace.',
  SETTLING: 'All are there; what they replace goes. It cannot be cancelled any more.',
  COMPLETED: 'It is done.',
  FAILED: 'It could not be done; `code` and `reason` say why. The table is as it was.',
  CANCELLED: 'Somebody cancelled it. The table is as it was.',
});

@ObjectType('TransformRange', { description: 'Records of one partition that a run reads.' })
export class TransformRangeType implements Pick<ReadRange, 'topic' | 'partition' | 'from' | 'to'> {
  @Field(() => String, { description: 'The topic.' })
  topic!: string;

  @Field(() => Int, { description: 'The partition.' })
  partition!: number;

  @Field(() => String, { description: 'First offset, decimal.' })
  from!: string;

  @Field(() => String, { description: 'Offset behind the last one, decimal.' })
  to!: string;
}

@ObjectType('TransformSourceFile', { description: 'A file that a run reads.' })
export class TransformSourceFileType implements Pick<SourceFile, 'source' | 'path' | 'bytes'> {
  @Field(() => Int, { description: 'Place of the source in the document, from 0.' })
  source!: number;

  @Field(() => String, { description: 'Its path below the root of the lake.' })
  path!: string;

  @Field(() => Number, { description: 'Its bytes.' })
  bytes!: number;
}

@ObjectType('TransformRunDays', { description: 'UTC days.' })
class TransformRunDaysType implements RunDays {
  @Field(() => String, { description: 'The first, e.g. 2018-06-01.' })
  from!: string;

  @Field(() => String, { description: 'The first behind the last.' })
  to!: string;
}

@ObjectType('TransformStatistics', { description: 'What a run did.' })
export class TransformStatisticsType implements RunStatistics {
  @Field(() => Number, { description: 'Records with a value that were read.' })
  read!: number;

  @Field(() => Number, {
    description: 'Of these, records of accounts and persons that were erased since they were written.',
  })
  suppressed!: number;

  @Field(() => Number, { description: 'Rows that did not get in; `rejects` say why.' })
  rejected!: number;

  @Field(() => Number, { description: 'Rows that were merged.' })
  rows!: number;

  @Field(() => Number, { description: 'Different keys of these.' })
  keys!: number;

  @Field(() => Number, { description: 'Keys that got a row, or another one.' })
  changed!: number;

  @Field(() => Number, { description: 'Files that were written.' })
  filesWritten!: number;

  @Field(() => Number, { description: 'Files that these replaced.' })
  filesReplaced!: number;

  @Field(() => Number, { description: 'Bytes of the files that were written.' })
  bytesWritten!: number;
}

@ObjectType('TransformReject', {
  description: 'Rows that did not get into a table, for one reason. Nothing of what they hold is kept.',
})
export class TransformRejectType {
  @Field(() => Int, { description: 'Place of the source in the document, from 0.' })
  source!: number;

  @Field(() => String, {
    description:
      'UNREADABLE: no record; VALUE_INVALID: a text that no table takes; PROTECTION_FAILED; KEY_MISSING; DATE_UNREADABLE; CAST_FAILED; TYPE_MISMATCH: no value of the type of the column; NOT_A_LIST; LOOKUP_MISSING: a lookup has no row for it.',
  })
  code!: string;

  @Field(() => String, { nullable: true, description: 'Field at fault; null for the whole record.' })
  field!: string | null;

  @Field(() => Number, { description: 'How many rows.' })
  rows!: number;

  @Field(() => [String], {
    description: 'Where some of them are, as `<partition>:<offset>`, or `<path>:<line>` of a file; at most 100.',
  })
  places!: readonly string[];
}

@ObjectType('TransformRun', { implements: NodeType, description: 'One run of a transformer.' })
export class TransformRunType
  extends NodeType
  implements
    Pick<
      TransformRun,
      'number' | 'mode' | 'status' | 'recordsDone' | 'recordsTotal' | 'cancelRequested' | 'requestedBy' | 'createdAt'
    >
{
  @Field(() => Int, { description: 'Number within the transformer, from 1.' })
  number!: number;

  @Field(() => TransformRunModeEnum, { description: 'What it reads.' })
  mode!: TransformRunMode;

  @Field(() => TransformRunDaysType, { nullable: true, description: 'Which days a back-fill is over.' })
  days!: RunDays | null;

  @Field(() => TransformRunStatusEnum, { description: 'How far it is.' })
  status!: TransformRunStatus;

  @Field(() => Number, { description: 'Offsets and files that were passed.' })
  recordsDone!: number;

  @Field(() => Number, { description: 'Offsets and files to pass; 0 until it is planned.' })
  recordsTotal!: number;

  @Field(() => Boolean, { description: 'True once somebody asked for its end.' })
  cancelRequested!: boolean;

  @Field(() => ErrorCodeEnum, { nullable: true, description: 'Why it failed; null when it did not.' })
  code!: ErrorCode | null;

  @Field(() => String, { nullable: true, description: 'Why it failed, or what it waits for.' })
  reason!: string | null;

  @Field(() => String, { description: 'Who asked for it.' })
  requestedBy!: string;

  @Field(() => Instant, { description: 'When it was asked for.' })
  createdAt!: Date;

  @Field(() => Instant, { nullable: true, description: 'When it ended; null until then.' })
  finishedAt!: Date | null;
}

export const TransformRunConnection = connectionOf('TransformRun', () => TransformRunType, 'Runs of a transformer.');
