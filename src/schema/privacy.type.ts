import { Field, InputType, ObjectType } from 'type-graphql';
import type { ProtectionScope } from '../domain/privacy/protection-policy.ts';
import type { ProtectionPolicy } from '../entities/protection-policy.entity.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
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

const ProtectionActionEnum = describedEnum<ProtectionPolicy['action']>('ProtectionAction', 'What is done to a value.', {
  REMOVE: 'Nothing of it stays.',
  ENCRYPT: 'It becomes an envelope under its account’s key.',
  REDACT: 'It keeps its form and loses what identifies, by the rules of its semantic type.',
  NONE: 'It passes as it is.',
});

@ObjectType('ProtectionPolicy', {
  implements: NodeType,
  description: 'What is done to values of a semantic type inside a scope.',
})
export class ProtectionPolicyType
  extends NodeType
  implements Pick<ProtectionPolicy, 'scope' | 'scopeName' | 'semanticType' | 'action' | 'updatedAt'>
{
  @Field(() => ProtectionScopeEnum, { description: 'How far it reaches.' })
  scope!: ProtectionPolicy['scope'];

  @Field(() => String, { description: 'Name of the namespace, entity or field; empty for GLOBAL.' })
  scopeName!: string;

  @Field(() => String, { description: 'Which values, e.g. `phonenumber`.' })
  semanticType!: string;

  @Field(() => ProtectionActionEnum, { description: 'What is done to them.' })
  action!: ProtectionPolicy['action'];

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

  @Field(() => String, { description: 'Semantic type or one of its aliases.' })
  semanticType!: string;

  @Field(() => ProtectionActionEnum, { description: 'What is done to values of this type.' })
  action!: ProtectionPolicy['action'];
}

@ObjectType({ description: 'The policy after the change.' })
export class SetProtectionPolicyPayload extends MutationPayload {
  @Field(() => ProtectionPolicyType, { nullable: true, description: 'The policy; null when refused.' })
  protectionPolicy?: ProtectionPolicy | null;
}

@ObjectType('ProtectionStep', { description: 'What happens to one field.' })
export class ProtectionStepType {
  @Field(() => String, { description: 'Path of the field.' })
  path!: string;

  @Field(() => String, { description: 'Semantic type that decided.' })
  semanticType!: string;

  @Field(() => String, { description: '`REMOVE`, `ENCRYPT`, `REDACT` or `NONE`.' })
  action!: string;
}

@ObjectType('ProtectionPreview', {
  description: 'What the policies in force leave of a sample. Neither sample nor result is stored.',
})
export class ProtectionPreviewType {
  @Field(() => [ProtectionStepType], { description: 'What happens to each field with a semantic type.' })
  steps!: readonly ProtectionStepType[];

  @Field(() => [String], { description: 'Paths of fields that pass because the schema does not say what they hold.' })
  gaps!: readonly string[];

  @Field(() => Json, { nullable: true, description: 'The sample after protection.' })
  protected!: unknown;
}

export const ProtectionPolicyConnection = connectionOf(
  'ProtectionPolicy',
  () => ProtectionPolicyType,
  'Protection policies, oldest first.',
);
