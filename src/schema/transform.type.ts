import { Field, Int, ObjectType } from 'type-graphql';
import type { ReadRange, RunStatistics, TransformRunMode, TransformRunStatus } from '../domain/transform/run-state.ts';
import type { SpecIssue } from '../domain/transform/spec-issue.ts';
import { type SpecIssueCode, specIssueCodes } from '../domain/transform/spec-issue.ts';
import type { TransformRun } from '../entities/transform-run.entity.ts';
import type { Transformer, TransformerVersion } from '../entities/transformer.entity.ts';
import type { ErrorCode } from '../errors/codes.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { ErrorCodeEnum, MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';

const issueTexts: Readonly<Record<SpecIssueCode, string>> = {
  NOT_JSON: 'The document is not JSON, or too long.',
  SHAPE: 'A value is of another kind than it must be.',
  UNKNOWN_MEMBER: 'There is no such member.',
  MISSING_MEMBER: 'A member is missing.',
  UNKNOWN_TRANSFORM: 'There is no such transform.',
  UNKNOWN_TOPIC: 'No entity is mapped to a topic of that name.',
  UNKNOWN_SCHEMA: 'There is no such version of an entity.',
  UNKNOWN_FIELD: 'There is no such field at this point, or in the schema of the table.',
  UNKNOWN_ORDER: 'There is no ordered list of that name.',
  ORDER_INVALID: 'An ordered list says two things.',
  DUPLICATE_FIELD: 'Two fields have the same name, or one is named twice.',
  FIELD_NAME: 'A field cannot have that name.',
  KEY_MISSING: 'A column of the key is not given by a source, or cannot be one.',
  ACCOUNT_MISSING: 'The table would not tell whose the rows are.',
  COMPARE_MISSING: 'What decides between two rows is not given, or given twice.',
  TYPE_CONFLICT: 'A field is of a type that does not go there.',
  EXPRESSION_INVALID: 'An expression is none.',
  FORMAT_INVALID: 'A format of dates is none.',
  ZONE_UNKNOWN: 'There is no such time zone.',
  PROTECT_PLACE: 'protect must come first.',
  CODEC_UNKNOWN: 'The format has no such codec.',
  PATH_INVALID: 'The path cannot be that of a table.',
  PATH_MISMATCH: 'A standard path says something else than the document.',
  LOCATION_TAKEN: 'Another table has the directory, or a part of it.',
};
if (specIssueCodes.length !== Object.keys(issueTexts).length) throw new TypeError('an issue has no text');

const SpecIssueCodeEnum = describedEnum<SpecIssueCode>(
  'TransformerIssueCode',
  'What can be wrong with a transformer.',
  issueTexts,
);

export const TransformRunModeEnum = describedEnum<TransformRunMode>('TransformRunMode', 'What a run reads.', {
  INCREMENTAL: 'On from where the last run ended; the first reads all.',
  BATCH: 'All that the topics hold, merged into what the table has. Refused where sums would count records twice.',
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

@ObjectType('TransformerIssue', { description: 'One thing that is wrong with a document.' })
export class TransformerIssueType implements SpecIssue {
  @Field(() => String, {
    description: 'Place in the document, e.g. `sources[0].transforms[1].fields[0]`; empty for the whole.',
  })
  path!: string;

  @Field(() => SpecIssueCodeEnum, { description: 'What, for programs.' })
  code!: SpecIssueCode;

  @Field(() => String, { description: 'What, and how to mend it, for people.' })
  message!: string;
}

@ObjectType('TransformerValidation', { description: 'Whether a document could become a version now.' })
export class TransformerValidationType {
  @Field(() => Boolean, { description: 'True when nothing is wrong with it.' })
  get valid(): boolean {
    return this.issues.length === 0;
  }

  @Field(() => [TransformerIssueType], { description: 'All that is wrong, at most 100.' })
  readonly issues: readonly SpecIssue[];

  constructor(issues: readonly SpecIssue[]) {
    this.issues = issues;
  }
}

@ObjectType('OrderedValues', { description: 'An ordered list of values, by which rows are compared.' })
export class OrderedValuesType {
  @Field(() => String, { description: 'Name that `compare` uses.' })
  name!: string;

  @Field(() => [String], { description: 'The values, the least first.' })
  values!: readonly string[];
}

@ObjectType('Transformer', { implements: NodeType, description: 'Makes a table of topics; its versions say how.' })
export class TransformerType extends NodeType implements Pick<Transformer, 'name' | 'createdBy' | 'createdAt'> {
  @Field(() => String, { description: 'Unique name.' })
  name!: string;

  @Field(() => String, { description: 'Who made it.' })
  createdBy!: string;

  @Field(() => Instant, { description: 'When.' })
  createdAt!: Date;

  @Field(() => String, { nullable: true, description: 'Who retired it; null while it is in use.' })
  retiredBy!: string | null;

  @Field(() => Instant, { nullable: true, description: 'When it was retired; null while it is in use.' })
  retiredAt!: Date | null;
}

@ObjectType('TransformerVersion', {
  implements: NodeType,
  description: 'An immutable document of a transformer, with the table that it makes.',
})
export class TransformerVersionType
  extends NodeType
  implements Pick<TransformerVersion, 'number' | 'document' | 'createdBy' | 'createdAt'>
{
  @Field(() => Int, { description: 'Number within the transformer, from 1.' })
  number!: number;

  @Field(() => String, { description: 'The document as it was given.' })
  document!: string;

  @Field(() => String, { description: 'Who made it.' })
  createdBy!: string;

  @Field(() => Instant, { description: 'When.' })
  createdAt!: Date;
}

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
      'UNREADABLE: no record; VALUE_INVALID: a text that no table takes; PROTECTION_FAILED; KEY_MISSING; DATE_UNREADABLE; CAST_FAILED; TYPE_MISMATCH: no value of the type of the column; NOT_A_LIST.',
  })
  code!: string;

  @Field(() => String, { nullable: true, description: 'Field at fault; null for the whole record.' })
  field!: string | null;

  @Field(() => Number, { description: 'How many rows.' })
  rows!: number;

  @Field(() => [String], { description: 'Where some of them are, as `<partition>:<offset>`; at most 100.' })
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

  @Field(() => TransformRunStatusEnum, { description: 'How far it is.' })
  status!: TransformRunStatus;

  @Field(() => Number, { description: 'Offsets that were passed.' })
  recordsDone!: number;

  @Field(() => Number, { description: 'Offsets to pass; 0 until it is planned.' })
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

export const TransformerConnection = connectionOf('Transformer', () => TransformerType, 'Transformers.');
export const TransformerVersionConnection = connectionOf(
  'TransformerVersion',
  () => TransformerVersionType,
  'Versions of a transformer.',
);
export const TransformRunConnection = connectionOf('TransformRun', () => TransformRunType, 'Runs of a transformer.');

@ObjectType('TransformedRow', { description: 'A row that a transformer makes.' })
export class TransformedRowType {
  @Field(() => String, { description: 'The row as a JSON object.' })
  json!: string;

  @Field(() => String, { description: 'Folder below the table; empty without partitions.' })
  partition!: string;
}

@ObjectType('TransformerPreview', { description: 'What a document makes of some records, as if there were no others.' })
export class TransformerPreviewType {
  @Field(() => [String], { description: 'The records as JSON objects, as policies leave them; at most 100.' })
  before!: readonly string[];

  @Field(() => [TransformedRowType], { description: 'Rows of the table, in the order of the key.' })
  after!: readonly TransformedRowType[];

  @Field(() => [TransformRejectType], { description: 'Rows that would not get in.' })
  rejects!: readonly TransformRejectType[];
}

@ObjectType('CreateTransformerPayload', { description: 'What became of the creation of a version.' })
export class CreateTransformerPayload extends MutationPayload {
  @Field(() => TransformerType, { nullable: true, description: 'The transformer; null when refused.' })
  transformer?: Transformer;

  @Field(() => TransformerVersionType, { nullable: true, description: 'Its new version; null when refused.' })
  transformerVersion?: TransformerVersion;

  @Field(() => [TransformerIssueType], { description: 'What is wrong with the document; empty when nothing is.' })
  issues!: readonly SpecIssue[];
}

@ObjectType('PreviewTransformerPayload', { description: 'What a document makes of some records.' })
export class PreviewTransformerPayload extends MutationPayload {
  @Field(() => TransformerPreviewType, { nullable: true, description: 'Rows before and after; null when refused.' })
  preview?: TransformerPreviewType;
}

@ObjectType('RunTransformerPayload', { description: 'The run that was asked for.' })
export class RunTransformerPayload extends MutationPayload {
  @Field(() => TransformRunType, { nullable: true, description: 'The run; null when refused.' })
  run?: TransformRun;
}

@ObjectType('CancelTransformRunPayload', { description: 'The run that is to end.' })
export class CancelTransformRunPayload extends MutationPayload {
  @Field(() => TransformRunType, { nullable: true, description: 'The run; null when refused.' })
  run?: TransformRun;
}

@ObjectType('RetireTransformerPayload', { description: 'The transformer that was retired.' })
export class RetireTransformerPayload extends MutationPayload {
  @Field(() => TransformerType, { nullable: true, description: 'The transformer; null when refused.' })
  transformer?: Transformer;
}
