import { Field, InputType, Int, ObjectType } from 'type-graphql';
import { type ProtectionAction, protectionActions } from '../domain/privacy/protection-action.ts';
import type { redactionKinds } from '../domain/privacy/redaction-rule.ts';
import type { DerivedPolicy, SemanticType } from '../domain/privacy/semantic-type.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';

export const ProtectionActionEnum = describedEnum<ProtectionAction>(
  'ProtectionAction',
  `What is done to a value; at equal scope the stricter wins, from mild to strict ${protectionActions.join(', ')}.`,
  {
    REMOVE: 'Nothing of it stays.',
    ENCRYPT: 'It becomes an envelope under a key of its account, or of its person.',
    TOKENIZE: 'It becomes a token: the same for the same value, and without a way back.',
    REDACT: 'It keeps its form and loses what identifies, by the rules of its semantic type.',
    NONE: 'It passes as it is.',
  },
);

const RedactionKindEnum = describedEnum<(typeof redactionKinds)[number]>(
  'RedactionKind',
  'How a semantic type hides a text. None is a regular expression, so each takes linear time.',
  {
    BUILT_IN: 'By the redactor of the product for this type.',
    KEEP_FIRST: 'The first characters stay, then the filler.',
    KEEP_LAST: 'The filler, then the last characters stay.',
    LAYOUT: 'Places of a layout stay or become `X`; of a text of another layout nothing stays.',
    TOKEN: 'A token: the same for the same text, and without a way back.',
    CONSTANT: 'Every text becomes the same one.',
    NULL: 'Every value becomes null.',
  },
);

const DerivedPolicyEnum = describedEnum<DerivedPolicy>(
  'DerivedPolicy',
  'What becomes of values computed from values of a type: minima, samples, snippets.',
  { REDACT: 'They are redacted like the values.', DROP: 'They are left out.' },
);

@ObjectType('RedactionRule', { description: 'How a semantic type hides a text.' })
export class RedactionRuleType {
  @Field(() => RedactionKindEnum, { description: 'The kind of rule.' })
  kind!: (typeof redactionKinds)[number];

  @Field(() => Int, { nullable: true, description: 'Characters that stay, for KEEP_FIRST and KEEP_LAST.' })
  count?: number;

  @Field(() => String, { nullable: true, description: 'What stands for the rest, for KEEP_FIRST and KEEP_LAST.' })
  filler?: string;

  @Field(() => String, { nullable: true, description: 'The layout, for LAYOUT.' })
  layout?: string;

  @Field(() => String, { nullable: true, description: 'The text, for CONSTANT.' })
  text?: string;
}

@InputType({ description: 'How a semantic type hides a text.' })
export class RedactionRuleInput {
  @Field(() => RedactionKindEnum, { description: 'The kind of rule; BUILT_IN is for types of the product.' })
  kind!: (typeof redactionKinds)[number];

  @Field(() => Int, { nullable: true, description: '1 to 64 characters that stay, for KEEP_FIRST and KEEP_LAST.' })
  count?: number;

  @Field(() => String, { nullable: true, description: 'What stands for the rest. Default `XXXX`.' })
  filler?: string;

  @Field(() => String, {
    nullable: true,
    description:
      'For LAYOUT, e.g. `##-XXXX`: `#` a letter or digit that stays, `X` one that becomes X, `\\` takes the next literally.',
  })
  layout?: string;

  @Field(() => String, { nullable: true, description: 'For CONSTANT. Default `XXXX`.' })
  text?: string;
}

@ObjectType('SemanticType', { description: 'What values can be: it decides how they are classified and protected.' })
export class SemanticTypeType
  implements
    Pick<
      SemanticType,
      'name' | 'version' | 'isBuiltIn' | 'aliases' | 'classifications' | 'defaultAction' | 'description'
    >
{
  @Field(() => String, { description: 'Canonical name, e.g. `phonenumber`.' })
  name!: string;

  @Field(() => Int, { description: 'Grows with each change of the definition; 1 for types of the product.' })
  version!: number;

  @Field(() => Boolean, { description: 'True for types of the product.' })
  isBuiltIn!: boolean;

  @Field(() => [String], { description: 'Other spellings, at most 20.' })
  aliases!: readonly string[];

  @Field(() => [String], { description: 'What its values mean for governance, e.g. `PII`. At most 20.' })
  classifications!: readonly string[];

  @Field(() => ProtectionActionEnum, { description: 'What is done to its values where no policy speaks.' })
  defaultAction!: ProtectionAction;

  @Field(() => RedactionRuleType, { description: 'How its values are hidden.' })
  redaction!: RedactionRuleType;

  @Field(() => DerivedPolicyEnum, { description: 'What becomes of values computed from its values.' })
  derivedPolicy!: DerivedPolicy;

  @Field(() => String, { description: 'For people.' })
  description!: string;
}

@InputType({ description: 'A semantic type to define, or a further version of one.' })
export class DefineSemanticTypeInput extends MutationInput {
  @Field(() => String, { description: 'Lower-case letters, digits, `_`, `.` and `-`, beginning with a letter.' })
  name!: string;

  @Field(() => [String], { nullable: true, description: 'Other spellings, at most 20.' })
  aliases?: string[];

  @Field(() => [String], { nullable: true, description: 'Classifications, e.g. `PII`. Default: none.' })
  classifications?: string[];

  @Field(() => ProtectionActionEnum, { nullable: true, description: 'Where no policy speaks. Default REDACT.' })
  defaultAction?: ProtectionAction;

  @Field(() => RedactionRuleInput, { description: 'How its values are hidden.' })
  redaction!: RedactionRuleInput;

  @Field(() => DerivedPolicyEnum, { nullable: true, description: 'For computed values. Default REDACT.' })
  derivedPolicy?: DerivedPolicy;

  @Field(() => String, { nullable: true, description: 'For people.' })
  description?: string;

  @Field(() => Int, { nullable: true, description: 'The version that you read; 0 for a type that should be new.' })
  expectedVersion?: number;
}

@ObjectType({ description: 'The type after the change.' })
export class DefineSemanticTypePayload extends MutationPayload {
  @Field(() => SemanticTypeType, { nullable: true, description: 'The type; null when refused.' })
  semanticType?: SemanticType | null;
}

export const SemanticTypeConnection = connectionOf('SemanticType', () => SemanticTypeType, 'Semantic types.');
