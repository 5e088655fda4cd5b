import { ArgsType, Field, InputType, Int, ObjectType } from 'type-graphql';
import type { CompatibilityLevel } from '../domain/registry/compatibility.ts';
import type { CompatibilityPolicy, Incompatibility, SchemaFormat } from '../domain/registry/schema-format.ts';
import type { ClassificationChange } from '../domain/registry/version-diff.ts';
import { describedEnum } from './described-enum.ts';
import { SchemaFormatEnum } from './entity.type.ts';
import { Json } from './scalars.ts';
import { ClassificationChangeType } from './version-diff.type.ts';

const CompatibilityLevelEnum = describedEnum<CompatibilityLevel>(
  'CompatibilityLevel',
  'Who must be able to read whose data.',
  {
    NONE: 'Nobody; nothing is compared.',
    BACKWARD: 'The new schema reads data of the last version.',
    BACKWARD_TRANSITIVE: 'The new schema reads data of all versions.',
    FORWARD: 'The last version reads data of the new schema.',
    FORWARD_TRANSITIVE: 'All versions read data of the new schema.',
    FULL: 'Both ways with the last version.',
    FULL_TRANSITIVE: 'Both ways with all versions.',
  },
);

const CompatibilityPolicyEnum = describedEnum<CompatibilityPolicy>(
  'CompatibilityPolicy',
  'How strict JSON Schemas are compared; of no effect on the other languages.',
  {
    STRICT: 'An optional property may not be added to an open content model, since data may hold it already.',
    LENIENT: 'Optional properties may be added to open content models.',
  },
);

@ObjectType('Incompatibility', { description: 'A rule that is broken between a schema and an earlier version.' })
export class IncompatibilityType implements Incompatibility {
  @Field(() => String, {
    description: 'Name of the rule, as Confluent calls it, e.g. `READER_FIELD_MISSING_DEFAULT_VALUE`.',
  })
  errorType!: string;

  @Field(() => String, { description: 'What is wrong, for people.' })
  description!: string;

  @Field(() => String, { description: 'Place in the reading schema, a JSON pointer, e.g. `/fields/2/type`.' })
  path!: string;

  @Field(() => String, { description: 'The part at fault, e.g. a field name; empty when there is nothing to add.' })
  additionalInfo!: string;

  @Field(() => String, { description: 'How to mend it, for people.' })
  suggestion!: string;

  @Field(() => Int, {
    description: 'Number of the earlier version under its subject; 0 when it concerns none of them.',
  })
  version!: number;
}

@InputType({ description: 'How one schema names another.' })
class SchemaReferenceInput {
  @Field(() => String, {
    description: 'How the text names it: a full name in Avro, a `$ref` in JSON Schema, an import path in Protobuf.',
  })
  name!: string;

  @Field(() => String, { description: 'Subject that has the other schema, e.g. `common-address`.' })
  subject!: string;

  @Field(() => Int, { description: 'Version of that subject, from 1; -1 for the latest.' })
  version!: number;
}

@InputType({ description: 'A schema of any language.' })
export class SchemaInput {
  @Field(() => SchemaFormatEnum, { defaultValue: 'AVRO', description: 'Its language.' })
  format!: SchemaFormat;

  @Field(() => String, { description: 'Its text, at most 4,194,304 characters.' })
  text!: string;

  @Field(() => [SchemaReferenceInput], { nullable: true, description: 'Other schemas it names. Default none.' })
  references?: SchemaReferenceInput[];

  @Field(() => Json, {
    nullable: true,
    description: 'Facts beside it, e.g. `{tags: {"**.ssn": ["PII"]}}`. Default those of the latest version.',
  })
  metadata?: unknown;
}

@InputType({ description: 'What would be registered: either `document`, or `subject` and `schema`.' })
export class CheckCompatibilityInput {
  @Field(() => Json, { nullable: true, description: 'A schema document, as `registerEntityVersion` takes it.' })
  document?: unknown;

  @Field(() => String, {
    nullable: true,
    description: 'A subject, e.g. `sms-value`, or `:.staging:sms-value` in another context.',
  })
  subject?: string;

  @Field(() => SchemaInput, { nullable: true, description: 'The schema that would be its next version.' })
  schema?: SchemaInput;
}

@ArgsType()
export class CheckCompatibilityArgs {
  @Field(() => CheckCompatibilityInput, { description: 'What would be registered.' })
  input!: CheckCompatibilityInput;

  @Field(() => CompatibilityLevelEnum, {
    nullable: true,
    description: 'Level to check by. Default the one in force for the subject.',
  })
  level?: CompatibilityLevel;

  @Field(() => CompatibilityPolicyEnum, {
    nullable: true,
    description: 'Policy to check by. Default the one in force for the subject.',
  })
  policy?: CompatibilityPolicy;
}

@ObjectType('CompatibilityReport', { description: 'What a registration would answer. Nothing was registered.' })
export class CompatibilityReportType {
  @Field(() => String, { description: 'Subject whose versions it was compared with, e.g. `Demo.SparkSummit`.' })
  subject!: string;

  @Field(() => Boolean, { description: 'True when no rule is broken; also when there was nothing to compare with.' })
  compatible!: boolean;

  @Field(() => CompatibilityLevelEnum, { description: 'Level that was checked by.' })
  level!: CompatibilityLevel;

  @Field(() => CompatibilityPolicyEnum, { description: 'Policy that was checked by.' })
  policy!: CompatibilityPolicy;

  @Field(() => [Int], {
    description:
      'Versions it was compared with, newest first; none for an unknown subject. No further ones once 1,000 rules are broken.',
  })
  comparedWith!: readonly number[];

  @Field(() => [IncompatibilityType], { description: 'Rules that are broken; at most 100 for each version.' })
  incompatibilities!: readonly IncompatibilityType[];

  @Field(() => [ClassificationChangeType], {
    description: 'What would become personal, or would be said to be so no longer, compared with the latest version.',
  })
  classificationChanges!: readonly ClassificationChange[];
}
