import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { Word } from '../domain/lineage/vocabulary.ts';
import { connectionOf } from './connection.type.ts';
import { NodeType } from './node.type.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';

type Told = Pick<Word, 'name' | 'description' | 'owners' | 'revision' | 'createdAt' | 'updatedAt'>;

@ObjectType()
abstract class WordType extends NodeType implements Told {
  @Field(() => String, { description: 'Its name; there is one of each name.' })
  name!: string;

  @Field(() => String, { description: 'What it means or is about, in Markdown.' })
  description!: string;

  @Field(() => [String], { description: 'Who answers for it; at most 100.' })
  owners!: readonly string[];

  @Field(() => Int, { description: 'Counts its changes, from 0; for `expectedRevision`.' })
  revision!: number;

  @Field(() => Instant, { description: 'When it was defined first.' })
  createdAt!: Date;

  @Field(() => Instant, { description: 'When it was changed last.' })
  updatedAt!: Date;
}

@ObjectType('GlossaryTerm', { implements: NodeType, description: 'What people mean by a word.' })
export class GlossaryTermType extends WordType {}

@ObjectType('Domain', { implements: NodeType, description: 'A part of the company that data belongs to.' })
export class DomainType extends WordType {}

export const GlossaryTermConnection = connectionOf('GlossaryTerm', () => GlossaryTermType, 'Terms by name.');
export const DomainConnection = connectionOf('Domain', () => DomainType, 'Domains by name.');

@InputType()
abstract class DefineWordInput extends MutationInput {
  @Field(() => String, { description: 'Its name, at most 200 characters. One that is defined is defined anew.' })
  name!: string;

  @Field(() => String, { description: 'What it means, in Markdown, at most 100,000 characters.' })
  description!: string;

  @Field(() => [String], { nullable: true, description: 'All owners, at most 100. Default none.' })
  owners?: string[];

  @Field(() => String, { nullable: true, description: 'Name of the one above it. Default none.' })
  parent?: string;

  @Field(() => Int, {
    nullable: true,
    description: '`revision` that the change was made upon; when it has another, the answer is `CONFLICT`.',
  })
  expectedRevision?: number;
}

@InputType({ description: 'A term of the glossary.' })
export class DefineGlossaryTermInput extends DefineWordInput {}

@InputType({ description: 'A domain.' })
export class DefineDomainInput extends DefineWordInput {}

@InputType({ description: 'A term that is to go.' })
export class RemoveGlossaryTermInput extends MutationInput {
  @Field(() => ID, { description: 'The term. Nothing may name it any more.' })
  glossaryTermId!: string;
}

@InputType({ description: 'A domain that is to go.' })
export class RemoveDomainInput extends MutationInput {
  @Field(() => ID, { description: 'The domain. Nothing may name it any more.' })
  domainId!: string;
}

@ObjectType({ description: 'Payload of mutations of one term.' })
export class GlossaryTermPayload extends MutationPayload {
  @Field(() => GlossaryTermType, { nullable: true, description: 'The term as it is now, or was.' })
  glossaryTerm?: Word;
}

@ObjectType({ description: 'Payload of mutations of one domain.' })
export class DomainPayload extends MutationPayload {
  @Field(() => DomainType, { nullable: true, description: 'The domain as it is now, or was.' })
  domain?: Word;
}
