import { Field, InputType, Int, ObjectType } from 'type-graphql';
import type { CryptoAnswer } from '../domain/privacy/crypto-answer.ts';
import type { ErrorCode } from '../errors/codes.ts';
import { SubjectKeyInput } from './operation.input.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Json } from './scalars.ts';

@InputType({ description: 'A value to redact.' })
export class RedactItemInput {
  @Field(() => String, { nullable: true, description: 'Given back with the answer.' })
  ref?: string;

  @Field(() => String, { description: 'Semantic type or one of its aliases, e.g. `phonenumber`.' })
  type!: string;

  @Field(() => Json, { nullable: true, description: 'Text, number, list or object; null stays null.' })
  value?: unknown;

  @Field(() => Boolean, {
    nullable: true,
    description: 'True for what was computed from values of the type (a minimum, a sample). Default false.',
  })
  derived?: boolean;
}

@InputType({ description: 'A value to encrypt.' })
export class EncryptItemInput {
  @Field(() => String, { nullable: true, description: 'Given back with the answer.' })
  ref?: string;

  @Field(() => String, { description: 'The account on whose behalf it was collected; its key encrypts.' })
  accountId!: string;

  @Field(() => SubjectKeyInput, {
    nullable: true,
    description: 'The person whose own key encrypts, so that the value goes when that key is destroyed.',
  })
  subject?: SubjectKeyInput;

  @Field(() => Json, { nullable: true, description: 'Text, number, boolean, list or object; null stays null.' })
  value?: unknown;

  @Field(() => String, { nullable: true, description: 'Semantic type, bound into the envelope. Default: none.' })
  type?: string;

  @Field(() => Int, {
    nullable: true,
    description:
      '1 (default): AES-256-GCM. 2: the same, committed to its key. 3: AES-SIV, equal envelopes for equal values.',
  })
  suite?: number;

  @Field(() => Boolean, { nullable: true, description: 'Hide the length up to a bucket. Default false.' })
  padding?: boolean;
}

@InputType({ description: 'An envelope to decrypt.' })
export class DecryptItemInput {
  @Field(() => String, { nullable: true, description: 'Given back with the answer.' })
  ref?: string;

  @Field(() => String, { description: 'The account whose envelope it is.' })
  accountId!: string;

  @Field(() => String, { nullable: true, description: 'The envelope; null stays null.' })
  envelope?: string;
}

@InputType({ description: 'One value to encrypt.' })
export class EncryptInput extends MutationInput {
  @Field(() => EncryptItemInput, { description: 'The value.' })
  item!: EncryptItemInput;
}

@InputType({ description: 'At most 10,000 values to encrypt.' })
export class EncryptBulkInput extends MutationInput {
  @Field(() => [EncryptItemInput], { description: 'The values.' })
  items!: EncryptItemInput[];
}

@InputType({ description: 'One envelope to decrypt.' })
export class DecryptInput extends MutationInput {
  @Field(() => DecryptItemInput, { description: 'The envelope.' })
  item!: DecryptItemInput;

  @Field(() => String, { description: 'What the value is for, 1 to 200 characters; it stands in the audit trail.' })
  purpose!: string;
}

@InputType({ description: 'At most 10,000 envelopes to decrypt.' })
export class DecryptBulkInput extends MutationInput {
  @Field(() => [DecryptItemInput], { description: 'The envelopes.' })
  items!: DecryptItemInput[];

  @Field(() => String, { description: 'What the values are for, 1 to 200 characters; it stands in the audit trail.' })
  purpose!: string;
}

@ObjectType('CryptoResult', { description: 'What became of one value. The others of the call do not depend on it.' })
export class CryptoResultType {
  @Field(() => String, { nullable: true, description: 'As given.' })
  ref?: string | null;

  @Field(() => Boolean, { description: 'False when the value was refused.' })
  ok!: boolean;

  @Field(() => Json, { nullable: true, description: 'The redacted value, envelope or clear value.' })
  value?: unknown;

  @Field(() => String, { nullable: true, description: 'Why it was refused, an `ErrorCode`; null when it was not.' })
  code?: ErrorCode | null;

  @Field(() => String, { nullable: true, description: 'The same for people. Never repeats a value.' })
  message?: string | null;
}

@ObjectType({ description: 'What became of the value.' })
export class CryptoPayload extends MutationPayload {
  @Field(() => CryptoResultType, { nullable: true, description: 'The answer; null when the call was refused.' })
  result?: CryptoAnswer | null;
}

@ObjectType({ description: 'What became of the values.' })
export class CryptoBulkPayload extends MutationPayload {
  @Field(() => [CryptoResultType], {
    nullable: true,
    description: 'One answer per value, in order; null when the call was refused. At most 10,000.',
  })
  results?: readonly CryptoAnswer[] | null;
}
