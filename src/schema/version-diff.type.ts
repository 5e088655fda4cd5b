import { Field, Int, ObjectType } from 'type-graphql';
import type { ClassificationChange, FieldChange, FieldChangeKind } from '../domain/registry/version-diff.ts';
import type { EntityField } from '../entities/entity-version.entity.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { EntityFieldType } from './entity.type.ts';

const FieldChangeKindEnum = describedEnum<FieldChangeKind>('FieldChangeKind', 'What is different about a field.', {
  TYPE: 'Its type, e.g. `int` and now `long`.',
  NULLABLE: 'Whether it may be null.',
  REQUIRED: 'Whether a message without it is refused.',
  SEMANTIC_TYPE: 'What its value is, e.g. nothing said and now `email`.',
  CLASSIFICATIONS: 'What its value means for governance, e.g. `PII` is gone.',
  TAGS: 'Its tags.',
  DOC: 'Its documentation.',
});

@ObjectType('FieldChange', { description: 'A path that both versions have, with what is different about it.' })
class FieldChangeType implements FieldChange<EntityField> {
  @Field(() => String, { description: 'The path, e.g. `user.email`.' })
  path!: string;

  @Field(() => EntityFieldType, { description: 'The field in the earlier version.' })
  before!: EntityField;

  @Field(() => EntityFieldType, { description: 'The field in the later version.' })
  after!: EntityField;

  @Field(() => [FieldChangeKindEnum], { description: 'What is different; at least one.' })
  changes!: FieldChangeKind[];
}

@ObjectType('ClassificationChange', {
  description: 'What a path means for governance, compared with before; also of fields that came or went.',
})
export class ClassificationChangeType implements ClassificationChange {
  @Field(() => String, { description: 'The path, e.g. `user.email`.' })
  path!: string;

  @Field(() => [String], { description: 'Classifications it has now and had not, e.g. `["PII"]`.' })
  added!: string[];

  @Field(() => [String], { description: 'Classifications it had and has no more.' })
  removed!: string[];
}

@ObjectType('VersionDiff', {
  description: 'What changed in an entity from one version to another. The order of fields makes no difference.',
})
export class VersionDiffType {
  readonly entityId!: string;
  readonly fromId!: string;
  readonly toId!: string;

  @Field(() => [EntityFieldType], { description: 'Fields that only the later version has; at most 10,000.' })
  added!: EntityField[];

  @Field(() => [EntityFieldType], { description: 'Fields that only the earlier version has; at most 10,000.' })
  removed!: EntityField[];

  @Field(() => [FieldChangeType], { description: 'Fields that are different; at most 10,000.' })
  changed!: FieldChange<EntityField>[];

  @Field(() => [ClassificationChangeType], {
    description:
      'Paths whose classifications are different: what becomes personal, and what is said to be so no longer.',
  })
  classificationChanges!: ClassificationChange[];
}

@ObjectType('SubjectVersion', { description: 'A place in the schema registry: a version of a subject.' })
class SubjectVersionType {
  @Field(() => String, { description: 'Context of the subject; `.` is the default one.' })
  context!: string;

  @Field(() => String, { description: 'Name of the subject in its context, e.g. `sms-value`.' })
  subject!: string;

  @Field(() => Int, { description: 'Number of the version under the subject, from 1.' })
  version!: number;

  @Field(() => Boolean, { description: 'True when the version was deleted, and can still be read by its id.' })
  deleted!: boolean;
}

export const SubjectVersionConnection = connectionOf(
  'SubjectVersion',
  () => SubjectVersionType,
  'Versions of subjects, by context, subject and version.',
);
