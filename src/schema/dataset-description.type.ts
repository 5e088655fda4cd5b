import { Extensions, Field, ID, InputType, ObjectType } from 'type-graphql';
import type { DescriptionChange, DescriptionPart } from '../domain/lineage/description.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import { connectionOf } from './connection.type.ts';
import { DatasetType } from './dataset.type.ts';
import { describedEnum } from './described-enum.ts';
import { MutationInput, MutationPayload, nullClears } from './payload.type.ts';
import { Instant } from './scalars.ts';

@ObjectType('DatasetProperty', { description: 'A property that somebody gave a dataset.' })
export class DatasetPropertyType {
  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => String, { description: 'Its value.' })
  value!: string;
}

@ObjectType('Description', { description: 'What was said of a dataset or a field at a moment.' })
export class DescriptionType {
  @Field(() => String, { nullable: true, description: 'What it is; Markdown.' })
  documentation!: string | null;

  @Field(() => [String], { description: 'Who answers for it; at most 100.' })
  owners!: readonly string[];

  @Field(() => [String], { description: 'Words that people sort it by; at most 100.' })
  tags!: readonly string[];

  @Field(() => [DatasetPropertyType], { description: 'Names with values; at most 100.' })
  properties!: readonly DatasetPropertyType[];

  @Field(() => [String], { description: 'Names of its terms of the glossary, which may be gone by now; at most 100.' })
  termNames!: readonly string[];

  @Field(() => String, { nullable: true, description: 'Name of the domain that it belonged to.' })
  domainName!: string | null;
}

const DescriptionPartEnum = describedEnum<DescriptionPart>('DescriptionPart', 'A part of a description.', {
  documentation: 'What it is, in Markdown.',
  owners: 'Who answers for it.',
  tags: 'Words that people sort by.',
  properties: 'Names with values.',
  terms: 'Terms of the glossary.',
  domain: 'The domain that it belongs to.',
});

@ObjectType('DescriptionChange', {
  description: 'A change of one part of the description of a dataset or a field of it.',
})
class DescriptionChangeType
  implements Pick<DescriptionChange, 'path' | 'part' | 'saidBy' | 'actorId' | 'before' | 'after' | 'at'>
{
  @Field(() => String, { description: 'Path of the field; empty for the dataset itself.' })
  path!: string;

  @Field(() => DescriptionPartEnum, { description: 'Which part.' })
  part!: DescriptionPart;

  @Field(() => String, {
    description:
      '`people`, `events` (of OpenLineage), or `import:` and the name of a source. The word of people counts most.',
  })
  saidBy!: string;

  @Field(() => String, { nullable: true, description: 'Actor who said it; null for events.' })
  actorId!: string | null;

  @Field(() => String, { nullable: true, description: 'What was said before, as JSON; null for nothing.' })
  before!: string | null;

  @Field(() => String, { nullable: true, description: 'What is said since, as JSON; null for nothing.' })
  after!: string | null;

  @Field(() => Instant, { description: 'When the catalog took it.' })
  at!: Date;
}

export const DescriptionChangeConnection = connectionOf(
  'DescriptionChange',
  () => DescriptionChangeType,
  'Changes of descriptions, newest first.',
);

@InputType({ description: 'A property of a dataset.' })
class DatasetPropertyInput {
  @Field(() => String, { description: 'Its name, at most 200 characters.' })
  name!: string;

  @Field(() => String, { description: 'Its value, at most 2,000 characters.' })
  value!: string;
}

@InputType({
  description:
    'What people say about a dataset or a field of it. A part that is absent stays as it is; null takes the word of people back, and what events or imports say counts again.',
})
export class DescribeDatasetInput extends MutationInput {
  @Field(() => ID, { description: 'The dataset.' })
  datasetId!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Path of the field that it is about; absent: the dataset itself.',
  })
  field?: string;

  @Extensions(nullClears)
  @Field(() => String, { nullable: true, description: 'Markdown, at most 100,000 characters.' })
  documentation?: string | null;

  @Extensions(nullClears)
  @Field(() => [String], {
    nullable: true,
    description: 'All owners, e.g. `["team:messaging"]`: at most 100 of at most 200 characters. Not of a field.',
  })
  owners?: string[] | null;

  @Extensions(nullClears)
  @Field(() => [String], {
    nullable: true,
    description: 'All tags, e.g. `["tier-1"]`: at most 100 of at most 200 characters.',
  })
  tags?: string[] | null;

  @Extensions(nullClears)
  @Field(() => [String], { nullable: true, description: 'Names of all its terms of the glossary, at most 100.' })
  terms?: string[] | null;

  @Extensions(nullClears)
  @Field(() => String, { nullable: true, description: 'Name of the domain that it belongs to. Not of a field.' })
  domain?: string | null;

  @Extensions(nullClears)
  @Field(() => [DatasetPropertyInput], { nullable: true, description: 'All properties, at most 100. Not of a field.' })
  properties?: DatasetPropertyInput[] | null;
}

@ObjectType({ description: 'Payload of `describeDataset`.' })
export class DescribeDatasetPayload extends MutationPayload {
  @Field(() => DatasetType, { nullable: true, description: 'The dataset as it is described now.' })
  dataset?: Dataset;
}
