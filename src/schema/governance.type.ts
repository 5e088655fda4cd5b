import { Field, ID, InputType, ObjectType } from 'type-graphql';
import type { DateRange } from '../domain/governance/date-range.ts';
import type { LegalHold } from '../entities/legal-hold.entity.ts';
import { connectionOf } from './connection.type.ts';
import { NodeType } from './node.type.ts';
import { SubjectKeyInput } from './operation.input.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { PlaceScopeInput, PlaceScopeType } from './place-scope.type.ts';
import { Instant } from './scalars.ts';

@ObjectType('LegalHold', {
  implements: NodeType,
  description: 'Keeps the data that its scope names from every erasure until released.',
})
export class LegalHoldType
  extends NodeType
  implements
    Pick<
      LegalHold,
      | 'matterId'
      | 'reason'
      | 'accountId'
      | 'subjects'
      | 'confidential'
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

  @Field(() => String, { nullable: true, description: 'The account it is about; null for everybody in its places.' })
  accountId!: string | null;

  /** Told by `scope`, `subjectField` and `subjectValue`. */
  subjects!: LegalHold['subjects'];

  @Field(() => Boolean, { description: 'True when only those are told of it who may place holds.' })
  confidential!: boolean;

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

@ObjectType('LegalHoldSubject', { description: 'A person, by the value of a key field.' })
class LegalHoldSubjectType {
  @Field(() => String, { description: 'Field that names the person.' })
  field!: string;

  @Field(() => String, { description: 'Value that names the person.' })
  value!: string;
}

@ObjectType('DateRange', { description: 'Instants from one up to, and without, another.' })
export class DateRangeType implements DateRange {
  @Field(() => Instant, { nullable: true, description: 'From then on; null: from ever.' })
  from!: Date | null;

  @Field(() => Instant, { nullable: true, description: 'Before that; null: for ever.' })
  until!: Date | null;
}

@ObjectType('LegalHoldScope', {
  description: 'What a legal hold is about: parts narrow each other, and null does not narrow.',
})
export class LegalHoldScopeType extends PlaceScopeType {
  @Field(() => String, { nullable: true, description: 'The account; null for everybody.' })
  accountId!: string | null;

  @Field(() => [LegalHoldSubjectType], { description: 'Persons of the account; none for all of it.' })
  subjects!: readonly LegalHoldSubjectType[];

  @Field(() => DateRangeType, {
    nullable: true,
    description:
      'Only records whose date lies in it; null for those of all dates. All UTC days that it touches are held whole.',
  })
  dates!: DateRange | null;
}

@ObjectType('HeldPlace', { description: 'A dataset in which a legal hold, or a minimum retention, keeps something.' })
export class HeldPlaceType {
  /** Told by `dataset`. */
  datasetId!: string;

  @Field(() => Boolean, { description: 'True where the scope names it, false where only lineage leads there.' })
  isNamed!: boolean;
}

export const HeldPlaceConnection = connectionOf('HeldPlace', () => HeldPlaceType, 'What a scope keeps, by name.');

@InputType({ description: 'Instants from one up to, and without, another; at least one end.' })
class DateRangeInput {
  @Field(() => Instant, { nullable: true, description: 'From then on. Default: from ever.' })
  from?: Date | null;

  @Field(() => Instant, { nullable: true, description: 'Before that, and later than `from`. Default: for ever.' })
  until?: Date | null;
}

@InputType({
  description:
    'What a legal hold is about: an account, places, or what of an account is in places. Parts narrow each other; names of one part stand beside each other. It is asked anew for each decision, so what fits it later is held then.',
})
export class LegalHoldScopeInput extends PlaceScopeInput {
  @Field(() => String, {
    nullable: true,
    description: 'The account. Default: everybody, in the places that are named.',
  })
  accountId?: string | null;

  @Field(() => SubjectKeyInput, { nullable: true, description: 'A person of the account.' })
  subject?: SubjectKeyInput | null;

  @Field(() => [SubjectKeyInput], { nullable: true, description: 'Persons of the account, at most 1,000.' })
  subjects?: SubjectKeyInput[] | null;

  @Field(() => DateRangeInput, {
    nullable: true,
    description:
      'Only records whose date lies in it. Rows of lake tables go by the date field of the table; where nobody can tell the date of a record, in topics and for keys, all dates are held. Default: all dates.',
  })
  dates?: DateRangeInput | null;
}

@InputType({ description: 'A legal hold to place.' })
export class PlaceLegalHoldInput extends MutationInput {
  @Field(() => String, { description: 'The legal matter, as counsel names it.' })
  matterId!: string;

  @Field(() => String, { description: 'Why.' })
  reason!: string;

  @Field(() => LegalHoldScopeInput, { description: 'What it keeps.' })
  scope!: LegalHoldScopeInput;

  @Field(() => Boolean, {
    nullable: true,
    description:
      'Only those are told of it who may place holds; others learn that something is held, not by which matter. Default false.',
  })
  confidential?: boolean;
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
