import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { TypeSuggestion } from '../domain/privacy/sampled-types.ts';
import type { Entity } from '../entities/entity.entity.ts';
import type { EntityVersion } from '../entities/entity-version.entity.ts';
import type { Topic } from '../entities/topic.entity.ts';
import { describedEnum } from './described-enum.ts';
import { EntityType, EntityVersionType } from './entity.type.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { TopicType } from './topic.type.ts';

const SuggestionBasisEnum = describedEnum<TypeSuggestion['basis']>('SuggestionBasis', 'What a suggestion goes by.', {
  VALUES: 'What values look like.',
  NAME: 'Only what the field is called.',
});

@ObjectType('TypeSuggestion', { description: 'A semantic type that values at a path may have. A person decides.' })
class TypeSuggestionType implements TypeSuggestion {
  @Field(() => String, {
    description: 'Path, as the catalog writes it; `{}` stands for keys that may be data themselves.',
  })
  path!: string;

  @Field(() => String, { description: 'The semantic type.' })
  semanticType!: string;

  @Field(() => SuggestionBasisEnum, { description: 'What it goes by.' })
  basis!: TypeSuggestion['basis'];

  @Field(() => Int, { description: 'Values that look like it.' })
  hits!: number;

  @Field(() => Int, { description: 'Values that were seen there.' })
  seen!: number;

  @Field(() => Number, {
    description:
      '0 to 1: the share that holds for all values there with 95 % likelihood; at most 0.5 where only the name says so.',
  })
  confidence!: number;

  @Field(() => String, { nullable: true, description: 'What the schema says of the path; null when nothing.' })
  declared!: string | null;
}

@ObjectType('TopicSample', {
  description: 'What a look at some of the newest records suggests. The records are kept nowhere.',
})
export class TopicSampleType {
  @Field(() => TopicType, { description: 'The topic.' })
  topic!: Topic;

  @Field(() => Int, { description: 'Records that were read.' })
  records!: number;

  @Field(() => Int, { description: 'Of these, tombstones.' })
  withoutValue!: number;

  @Field(() => Int, { description: 'Of these, neither JSON objects nor records of a schema that is registered.' })
  unreadable!: number;

  @Field(() => Boolean, {
    description: 'False when the time was over before all records that were asked for were read.',
  })
  complete!: boolean;

  @Field(() => [TypeSuggestionType], { description: 'Suggestions, surest first.' })
  suggestions!: readonly TypeSuggestion[];
}

@InputType({ description: 'A look at some of the newest records of a topic.' })
export class SampleTopicInput extends MutationInput {
  @Field(() => ID, { description: 'The topic.' })
  id!: string;

  @Field(() => Int, { nullable: true, description: 'Records to read over all partitions, 1 to 1,000. Default 200.' })
  records?: number;

  @Field(() => Int, { nullable: true, description: 'Longest time for it in seconds, 1 to 30. Default 10.' })
  seconds?: number;
}

@ObjectType({ description: 'What was found.' })
export class SampleTopicPayload extends MutationPayload {
  @Field(() => TopicSampleType, { nullable: true, description: 'The sample; null when refused.' })
  sample?: TopicSampleType | null;
}

@InputType({ description: 'What a field holds.' })
export class AcceptSemanticTypeInput extends MutationInput {
  @Field(() => ID, { description: 'Entity of the records.' })
  entityId!: string;

  @Field(() => String, { description: 'Path of the field in the latest version.' })
  path!: string;

  @Field(() => String, { description: 'Semantic type of its values.' })
  semanticType!: string;

  @Field(() => Int, {
    description: 'Number of the latest version that was looked at; another one by now is a CONFLICT.',
  })
  expectedNumber!: number;
}

@ObjectType({ description: 'The entity with its next version.' })
export class AcceptSemanticTypePayload extends MutationPayload {
  @Field(() => EntityType, { nullable: true, description: 'The entity; null when refused.' })
  entity?: Entity | null;

  @Field(() => EntityVersionType, { nullable: true, description: 'The version that says it; null when refused.' })
  version?: EntityVersion | null;
}
