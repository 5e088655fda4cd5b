import { Field, InputType, Int, ObjectType } from 'type-graphql';
import type { AccountKeyView, KeyState } from '../domain/privacy/key-state.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { RequestOperationInput, SubjectKeyInput } from './operation.input.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';

const KeyStateEnum = describedEnum<KeyState>('KeyState', 'Life of a version of a key.', {
  PRE_ACTIVE: 'Made ahead; it encrypts from `activatedAt` on.',
  ACTIVE: 'Encrypts and decrypts.',
  RETIRED: 'Only decrypts.',
  DESTROYED: 'Gone: what it encrypted can be read by nobody.',
});

@ObjectType('AccountKey', {
  implements: NodeType,
  description: 'One version of the key of an account, or of a person in it. The key itself is never shown.',
})
export class AccountKeyType
  extends NodeType
  implements Pick<AccountKeyView, 'accountId' | 'subjectScope' | 'keyVersion' | 'state' | 'kekId' | 'createdAt'>
{
  @Field(() => String, { description: 'The account.' })
  accountId!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Null for the account’s own key; else the `sub` of envelopes, a keyed digest of the person.',
  })
  subjectScope!: string | null;

  @Field(() => Int, { description: 'The `kv` of envelopes.' })
  keyVersion!: number;

  @Field(() => KeyStateEnum, { description: 'Where it stands in its life.' })
  state!: KeyState;

  @Field(() => String, { description: 'Provider and wrapping key that wrap it.' })
  kekId!: string;

  @Field(() => String, {
    description: 'Values it may have encrypted, as a decimal: processes count in blocks of 1,048,576.',
  })
  encCount!: number;

  @Field(() => Instant, { description: 'When it was made.' })
  createdAt!: Date;

  @Field(() => Instant, { nullable: true, description: 'From when on it encrypts.' })
  activatedAt!: Date | null;

  @Field(() => Instant, { nullable: true, description: 'From when on it only decrypts.' })
  retiredAt!: Date | null;

  @Field(() => Instant, { nullable: true, description: 'When it was destroyed.' })
  destroyedAt!: Date | null;
}

@InputType({ description: 'A key to replace by a new version.' })
export class RotateAccountKeyInput extends MutationInput {
  @Field(() => String, { description: 'The account.' })
  accountId!: string;

  @Field(() => SubjectKeyInput, {
    nullable: true,
    description: 'The person whose key it is; the account’s when absent.',
  })
  subject?: SubjectKeyInput;

  @Field(() => Instant, { nullable: true, description: 'From when on the new version encrypts. Default: now.' })
  activateAt?: Date;
}

@ObjectType({ description: 'The new version.' })
export class RotateAccountKeyPayload extends MutationPayload {
  @Field(() => AccountKeyType, { nullable: true, description: 'The new version; null when refused.' })
  accountKey?: AccountKeyView | null;
}

@InputType({ description: 'A version of a key that is not needed any more.' })
export class DestroyKeyVersionInput extends RequestOperationInput {
  @Field(() => String, { description: 'The account.' })
  accountId!: string;

  @Field(() => SubjectKeyInput, {
    nullable: true,
    description: 'The person whose key it is; the account’s when absent.',
  })
  subject?: SubjectKeyInput;

  @Field(() => Int, { description: 'The `kv` of envelopes.' })
  keyVersion!: number;
}

@InputType({ description: 'Keys to wrap anew.' })
export class RewrapAccountKeysInput extends MutationInput {
  @Field(() => Instant, {
    nullable: true,
    description: 'Only keys that were wrapped before. Default: now. To go on, give the time that the payload tells.',
  })
  wrappedBefore?: Date;

  @Field(() => Int, { nullable: true, description: 'Most keys of this call, 1 to 10,000. Default 1,000.' })
  limit?: number;
}

@ObjectType({ description: 'How far the wrapping is.' })
export class RewrapAccountKeysPayload extends MutationPayload {
  @Field(() => Int, { nullable: true, description: 'Keys that this call wrapped anew.' })
  rewrapped?: number | null;

  @Field(() => Int, { nullable: true, description: 'Keys that are still to do.' })
  remaining?: number | null;

  @Field(() => Instant, { nullable: true, description: 'To give with the next call.' })
  wrappedBefore?: Date | null;
}

export const AccountKeyConnection = connectionOf('AccountKey', () => AccountKeyType, 'Versions of keys.');
