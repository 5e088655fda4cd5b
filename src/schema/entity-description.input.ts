import { Extensions, Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { Entity } from '../entities/entity.entity.ts';
import type { EntityVersion } from '../entities/entity-version.entity.ts';
import { EntityType, EntityVersionType } from './entity.type.ts';
import { MutationInput, MutationPayload, nullClears } from './payload.type.ts';

@InputType({ description: 'What people say about an entity. A part that is absent stays as it is.' })
export class DescribeEntityInput extends MutationInput {
  @Field(() => ID, { description: 'The entity.' })
  entityId!: string;

  @Extensions(nullClears)
  @Field(() => String, {
    nullable: true,
    description: 'Markdown, at most 100,000 characters. Null and blank text remove it.',
  })
  documentation?: string | null;

  @Extensions(nullClears)
  @Field(() => [String], {
    nullable: true,
    description:
      'All owners, e.g. `["team:messaging"]`: at most 100 of at most 200 characters. Null and an empty list remove them.',
  })
  owners?: string[] | null;

  @Extensions(nullClears)
  @Field(() => [String], {
    nullable: true,
    description:
      'All tags of the entity itself, e.g. `["tier-1"]`: at most 100 of at most 200 characters. Null and an empty list remove them.',
  })
  tags?: string[] | null;

  @Field(() => Int, {
    nullable: true,
    description:
      '`revision` of the entity that the change was made upon; when it has another, the answer is `CONFLICT`.',
  })
  expectedRevision?: number;
}

@InputType({ description: 'Further names of an entity.' })
export class AddEntityAliasesInput extends MutationInput {
  @Field(() => ID, { description: 'The entity.' })
  entityId!: string;

  @Field(() => [String], {
    description:
      'Names under which it is found, e.g. `["SparkSummit.Demo"]`: 1 to 255 letters, digits, `_`, `.` or `-`. An entity has at most 100.',
  })
  aliases!: string[];
}

@InputType({ description: 'A further name of an entity that is to go.' })
export class RemoveEntityAliasInput extends MutationInput {
  @Field(() => ID, { description: 'The entity.' })
  entityId!: string;

  @Field(() => String, { description: 'The alias, e.g. `SparkSummit.Demo`.' })
  alias!: string;
}

@ObjectType({ description: 'The entity as it is now.' })
export class EntityPayload extends MutationPayload {
  @Field(() => EntityType, { nullable: true, description: 'The entity; null when refused.' })
  entity?: Entity | null;
}

@ObjectType({ description: 'The version as it is now.' })
export class EntityVersionPayload extends MutationPayload {
  @Field(() => EntityVersionType, { nullable: true, description: 'The version; null when refused.' })
  entityVersion?: EntityVersion | null;
}

@InputType({ description: 'An entity that should be used no longer.' })
export class DeprecateEntityInput extends MutationInput {
  @Field(() => ID, { description: 'The entity.' })
  id!: string;

  @Field(() => String, { description: 'Why, at most 2,000 characters.' })
  reason!: string;

  @Field(() => ID, {
    nullable: true,
    description: 'The entity to use instead: another one, and not deprecated itself.',
  })
  replacementId?: string;
}

@InputType({ description: 'A version that should be used no longer.' })
export class DeprecateEntityVersionInput extends MutationInput {
  @Field(() => ID, { description: 'The version.' })
  id!: string;

  @Field(() => String, { description: 'Why, at most 2,000 characters.' })
  reason!: string;

  @Field(() => ID, {
    nullable: true,
    description: 'The version to use instead, of this entity or another: not deprecated itself.',
  })
  replacementId?: string;
}

@InputType({ description: 'An entity that may be used again.' })
export class ReinstateEntityInput extends MutationInput {
  @Field(() => ID, { description: 'The entity.' })
  id!: string;
}

@InputType({ description: 'A version that may be used again.' })
export class ReinstateEntityVersionInput extends MutationInput {
  @Field(() => ID, { description: 'The version.' })
  id!: string;
}
