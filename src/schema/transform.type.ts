import { Field, Int, ObjectType } from 'type-graphql';
import type { RunSchedule } from '../domain/transform/run-schedule.ts';
import type { SpecIssue } from '../domain/transform/spec-issue.ts';
import { type SpecIssueCode, specIssueCodes } from '../domain/transform/spec-issue.ts';
import type { TransformRun } from '../entities/transform-run.entity.ts';
import type { Transformer, TransformerVersion } from '../entities/transformer.entity.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';
import { TransformRejectType, TransformRunModeEnum, TransformRunType } from './transform-run.type.ts';

const issueTexts: Readonly<Record<SpecIssueCode, string>> = {
  NOT_JSON: 'The document is not JSON, or too long.',
  SHAPE: 'A value is of another kind than it must be.',
  UNKNOWN_MEMBER: 'There is no such member.',
  MISSING_MEMBER: 'A member is missing.',
  UNKNOWN_TRANSFORM: 'There is no such transform.',
  UNKNOWN_TOPIC: 'No entity is mapped to a topic of that name.',
  UNKNOWN_TABLE: 'There is no table of the lake at that directory, or no entity is mapped to it.',
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
  PROTECT_PLACE: 'protect must come first, and is not for tables.',
  CODEC_UNKNOWN: 'The format has no such codec.',
  PATH_INVALID: 'The path cannot be that of a table.',
  PATH_MISMATCH: 'A standard path says something else than the document.',
  LOCATION_TAKEN: 'Another table has the directory, or a part of it.',
  CYCLE: 'The table would be made of itself.',
  NOT_READABLE: 'You may not read a source or a lookup, or not see something of it that the table would show.',
};
if (specIssueCodes.length !== Object.keys(issueTexts).length) throw new TypeError('an issue has no text');

const SpecIssueCodeEnum = describedEnum<SpecIssueCode>(
  'TransformerIssueCode',
  'What can be wrong with a transformer.',
  issueTexts,
);

@ObjectType('TransformerIssue', { description: 'One thing that is wrong with a document.' })
class TransformerIssueType implements SpecIssue {
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

@ObjectType('TransformerSchedule', { description: 'Times at which a transformer runs by itself.' })
class TransformerScheduleType implements RunSchedule {
  @Field(() => String, { description: 'Minute, hour, day of the month, month, day of the week.' })
  cron!: string;

  @Field(() => String, { description: 'Zone whose clocks count.' })
  zone!: string;

  @Field(() => TransformRunModeEnum, { description: 'What runs read.' })
  mode!: RunSchedule['mode'];

  @Field(() => Boolean, { description: 'True while nothing runs by it.' })
  paused!: boolean;
}

@ObjectType('Transformer', {
  implements: NodeType,
  description: 'Makes a table of topics, tables and files; its versions say how.',
})
export class TransformerType extends NodeType implements Pick<Transformer, 'name' | 'createdBy' | 'createdAt'> {
  @Field(() => String, { description: 'Unique name.' })
  name!: string;

  @Field(() => String, { description: 'Who made it.' })
  createdBy!: string;

  @Field(() => Instant, { description: 'When.' })
  createdAt!: Date;

  @Field(() => TransformerScheduleType, { nullable: true, description: 'When it runs by itself; null for never.' })
  schedule!: RunSchedule | null;

  @Field(() => Instant, { nullable: true, description: 'When its next run is due by the schedule.' })
  dueAt!: Date | null;

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

export const TransformerConnection = connectionOf('Transformer', () => TransformerType, 'Transformers.');
export const TransformerVersionConnection = connectionOf(
  'TransformerVersion',
  () => TransformerVersionType,
  'Versions of a transformer.',
);

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

@ObjectType('ScheduleTransformerPayload', { description: 'The transformer with its schedule.' })
export class ScheduleTransformerPayload extends MutationPayload {
  @Field(() => TransformerType, { nullable: true, description: 'The transformer; null when refused.' })
  transformer?: Transformer;
}
