import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { ProtectionAction } from '../domain/privacy/protection-action.ts';
import type { KeyScope, ProtectionScope, RemovalForm } from '../domain/privacy/protection-policy.ts';
import type { ProtectionPolicy } from '../entities/protection-policy.entity.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { ProtectionActionEnum } from './privacy-types.type.ts';
import { Instant, Json } from './scalars.ts';

const ProtectionScopeEnum = describedEnum<ProtectionScope>(
  'ProtectionScope',
  'How far a protection policy reaches; the narrowest wins.',
  {
    GLOBAL: 'Everywhere.',
    NAMESPACE: 'All entities of a namespace.',
    ENTITY: 'One entity, by its full name.',
    FIELD: 'One field, as `Entity.full.Name#field.path`.',
  },
);

const RemovalFormEnum = describedEnum<RemovalForm>(
  'RemovalForm',
  'What stands in the place of a removed value, where the field may be null.',
  { EMPTY: 'An empty text.', NULL: 'Null.' },
);

const KeyScopeEnum = describedEnum<KeyScope>('KeyScope', 'Whose key encrypts.', {
  ACCOUNT: 'The key of the account.',
  SUBJECT: 'A key of the person’s own: who destroys it has forgotten one person.',
});

@ObjectType('ProtectionParams', { description: 'How an action is done; null leaves it to the product.' })
class ProtectionParamsType {
  @Field(() => RemovalFormEnum, { nullable: true, description: 'For REMOVE on nullable fields.' })
  removalForm?: RemovalForm | null;

  @Field(() => Int, { nullable: true, description: 'For ENCRYPT: 1, 2 or 3, see `encrypt`.' })
  suite?: number | null;

  @Field(() => KeyScopeEnum, { nullable: true, description: 'For ENCRYPT.' })
  keyScope?: KeyScope | null;

  @Field(() => Boolean, { nullable: true, description: 'For ENCRYPT: lengths are hidden up to a bucket.' })
  padding?: boolean | null;
}

@InputType({ description: 'How an action is done; what is left out is left to the product.' })
export class ProtectionParamsInput {
  @Field(() => RemovalFormEnum, {
    nullable: true,
    description: 'For REMOVE on nullable fields. Default: EMPTY for customer text, else NULL.',
  })
  removalForm?: RemovalForm;

  @Field(() => Int, { nullable: true, description: 'For ENCRYPT: 1 (default), 2 or 3, see `encrypt`.' })
  suite?: number;

  @Field(() => KeyScopeEnum, { nullable: true, description: 'For ENCRYPT. Default ACCOUNT.' })
  keyScope?: KeyScope;

  @Field(() => Boolean, { nullable: true, description: 'For ENCRYPT: hide lengths up to a bucket. Default false.' })
  padding?: boolean;
}

@ObjectType('ProtectionPolicy', {
  implements: NodeType,
  description: 'What is done to values of a semantic type inside a scope.',
})
export class ProtectionPolicyType
  extends NodeType
  implements Pick<ProtectionPolicy, 'scope' | 'scopeName' | 'semanticType' | 'classification' | 'action' | 'updatedAt'>
{
  @Field(() => ProtectionScopeEnum, { description: 'How far it reaches.' })
  scope!: ProtectionPolicy['scope'];

  @Field(() => String, { description: 'Name of the namespace, entity or field; empty for GLOBAL.' })
  scopeName!: string;

  @Field(() => String, { description: 'Which values, e.g. `phonenumber`; empty for a policy of a classification.' })
  semanticType!: string;

  @Field(() => String, { description: 'Which types, e.g. `PII`; empty for a policy of one type.' })
  classification!: string;

  @Field(() => ProtectionActionEnum, { description: 'What is done to them.' })
  action!: ProtectionPolicy['action'];

  @Field(() => ProtectionParamsType, { description: 'How it is done.' })
  params!: ProtectionPolicy['params'];

  @Field(() => Instant, { description: 'Last change.' })
  updatedAt!: Date;
}

@InputType({ description: 'A protection policy to make or change.' })
export class SetProtectionPolicyInput extends MutationInput {
  @Field(() => ProtectionScopeEnum, { description: 'How far it reaches.' })
  scope!: ProtectionPolicy['scope'];

  @Field(() => String, {
    nullable: true,
    description:
      'Name of the namespace, entity (`Demo.SparkSummit`) or field (`Demo.SparkSummit#to`); left out for GLOBAL.',
  })
  scopeName?: string;

  @Field(() => String, { nullable: true, description: 'Semantic type or one of its aliases. Give this or the next.' })
  semanticType?: string;

  @Field(() => String, { nullable: true, description: 'Classification, e.g. `PII`: all types that bear it.' })
  classification?: string;

  @Field(() => ProtectionActionEnum, { description: 'What is done to the values.' })
  action!: ProtectionPolicy['action'];

  @Field(() => ProtectionParamsInput, { nullable: true, description: 'How it is done.' })
  params?: ProtectionParamsInput;
}

@ObjectType({ description: 'The policy after the change.' })
export class SetProtectionPolicyPayload extends MutationPayload {
  @Field(() => ProtectionPolicyType, { nullable: true, description: 'The policy; null when refused.' })
  protectionPolicy?: ProtectionPolicy | null;
}

@InputType({ description: 'A protection policy to take away.' })
export class DeleteProtectionPolicyInput extends MutationInput {
  @Field(() => ID, { description: 'The policy.' })
  id!: string;
}

@ObjectType({ description: 'The policy that is gone.' })
export class DeleteProtectionPolicyPayload extends MutationPayload {
  @Field(() => ID, { nullable: true, description: 'Its id; null when refused.' })
  deletedId?: string | null;
}

@ObjectType('ProtectionStep', { description: 'What happens to one field.' })
export class ProtectionStepType {
  @Field(() => String, { description: 'Path of the field.' })
  path!: string;

  @Field(() => String, { description: 'Semantic type that decided.' })
  semanticType!: string;

  @Field(() => ProtectionActionEnum, { description: 'What is done.' })
  action!: ProtectionAction;
}

@ObjectType('ProtectionWarning', {
  description: 'Something about the plan of an entity that its owner should look at.',
})
export class ProtectionWarningType {
  @Field(() => String, { description: 'Path of the field; empty for the whole.' })
  path!: string;

  @Field(() => String, { description: 'What it is.' })
  message!: string;
}

@ObjectType('ProtectionRecurrence', {
  description: 'A place where a record lies inside itself; it is protected as it is further up, however deep.',
})
export class ProtectionRecurrenceType {
  @Field(() => String, { description: 'The inner place: a field, its elements or its values, e.g. `children[]`.' })
  at!: string;

  @Field(() => String, { description: 'The place further up; empty for the record itself.' })
  to!: string;
}

@ObjectType('ProtectionChange', { description: 'A value of a sample, before and after.' })
export class ProtectionChangeType {
  @Field(() => String, { description: 'Place in the sample, e.g. `contacts[0].email`.' })
  place!: string;

  @Field(() => String, { description: 'Semantic type that decided.' })
  semanticType!: string;

  @Field(() => Json, { nullable: true, description: 'As in the sample.' })
  before?: unknown;

  @Field(() => Json, { nullable: true, description: 'After protection.' })
  after?: unknown;
}

@ObjectType('ProtectionPreview', {
  description: 'What the policies in force leave of a sample. Neither sample nor result is stored.',
})
export class ProtectionPreviewType {
  @Field(() => [ProtectionStepType], { description: 'What happens to each field with a semantic type.' })
  steps!: readonly ProtectionStepType[];

  @Field(() => [String], { description: 'Paths of fields that pass because the schema does not say what they hold.' })
  gaps!: readonly string[];

  @Field(() => [ProtectionRecurrenceType], {
    description: 'Where the record, or one within it, lies inside itself: the steps hold there, too.',
  })
  recurrences!: readonly ProtectionRecurrenceType[];

  @Field(() => [ProtectionWarningType], { description: 'What to look at; at most one per field and rule.' })
  warnings!: readonly ProtectionWarningType[];

  @Field(() => [ProtectionChangeType], {
    description: 'Values of the sample that something was done to, at most 1,000.',
  })
  changes!: readonly ProtectionChangeType[];

  @Field(() => Json, { nullable: true, description: 'The sample after protection.' })
  protected!: unknown;
}

export const ProtectionPolicyConnection = connectionOf(
  'ProtectionPolicy',
  () => ProtectionPolicyType,
  'Protection policies, oldest first.',
);
