import { Field, ID, InputType, ObjectType } from 'type-graphql';
import type { LegalHold } from '../entities/legal-hold.entity.ts';
import { connectionOf } from './connection.type.ts';
import { NodeType } from './node.type.ts';
import { SubjectSelectorInput } from './operation.input.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';

@ObjectType('LegalHold', {
  implements: NodeType,
  description: 'Keeps the data of an account or subject from every erasure until released.',
})
export class LegalHoldType
  extends NodeType
  implements
    Pick<
      LegalHold,
      | 'matterId'
      | 'reason'
      | 'accountId'
      | 'subjectField'
      | 'subjectValue'
      | 'placedBy'
      | 'placedAt'
      | 'releaseRequestedBy'
      | 'releaseRequestedAt'
      | 'releasedBy'
      | 'releasedAt'
    >
{
  @Field(() => String, { description: 'The legal matter it serves.' })
  matterId!: string;

  @Field(() => String, { description: 'Why it was placed.' })
  reason!: string;

  @Field(() => String, { description: 'The account it keeps.' })
  accountId!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Field that names the subject; null when it keeps the whole account.',
  })
  subjectField!: string | null;

  @Field(() => String, { nullable: true, description: 'Value that names the subject.' })
  subjectValue!: string | null;

  @Field(() => String, { description: 'Actor who placed it.' })
  placedBy!: string;

  @Field(() => Instant, { description: 'When it was placed.' })
  placedAt!: Date;

  @Field(() => String, {
    nullable: true,
    description: 'Actor who asked for its release, where two must agree; null before. It keeps the data until then.',
  })
  releaseRequestedBy!: string | null;

  @Field(() => Instant, { nullable: true, description: 'When its release was asked for.' })
  releaseRequestedAt!: Date | null;

  @Field(() => String, { nullable: true, description: 'Actor who released it; null while active.' })
  releasedBy!: string | null;

  @Field(() => Instant, { nullable: true, description: 'When it was released; null while active.' })
  releasedAt!: Date | null;
}

@InputType({ description: 'A legal hold to place.' })
export class PlaceLegalHoldInput extends MutationInput {
  @Field(() => String, { description: 'The legal matter, as counsel names it.' })
  matterId!: string;

  @Field(() => String, { description: 'Why.' })
  reason!: string;

  @Field(() => SubjectSelectorInput, { description: 'What it keeps.' })
  scope!: SubjectSelectorInput;
}

@InputType({ description: 'A legal hold to end.' })
export class ReleaseLegalHoldInput extends MutationInput {
  @Field(() => ID, { description: 'The hold.' })
  id!: string;

  @Field(() => String, { description: 'Why it ends.' })
  reason!: string;
}

@ObjectType({ description: 'The legal hold after the change.' })
export class LegalHoldPayload extends MutationPayload {
  @Field(() => LegalHoldType, { nullable: true, description: 'The hold; null when refused.' })
  legalHold?: LegalHold | null;
}

@InputType({ description: 'Which legal holds; all given conditions hold.' })
export class LegalHoldFilter {
  @Field(() => Boolean, { nullable: true, description: 'Only active ones, or only released ones.' })
  active?: boolean;

  @Field(() => String, { nullable: true, description: 'On this account.' })
  accountId?: string;
}

export const LegalHoldConnection = connectionOf('LegalHold', () => LegalHoldType, 'Legal holds, newest first.');
