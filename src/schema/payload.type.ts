import { Field, InputType, ObjectType } from 'type-graphql';
import { type ErrorCode, errorCodes } from '../errors/codes.ts';
import { describedEnum } from './described-enum.ts';

export const ErrorCodeEnum = describedEnum<ErrorCode>(
  'ErrorCode',
  'Every error the product can answer. `extensions.code` of top-level errors and `UserError.code` take these values.',
  Object.fromEntries(Object.entries(errorCodes).map(([code, spec]) => [code, spec.message])) as Record<
    ErrorCode,
    string
  >,
);

@ObjectType('UserError', { description: 'Why a mutation was refused. Nothing was changed.' })
export class UserErrorType {
  @Field(() => ErrorCodeEnum, { description: 'What kind of refusal, for programs.' })
  code!: ErrorCode;

  @Field(() => String, { description: 'What is wrong and how to mend it, for people.' })
  message!: string;

  @Field(() => [String], {
    nullable: true,
    description: 'Place of the fault in the input, outermost first; null when it concerns the whole.',
  })
  field!: readonly string[] | null;
}

/** Marks an input field whose null means something else than its absence. */
export const nullClears = { nullClears: true } as const;

@InputType()
export abstract class MutationInput {
  @Field(() => String, { nullable: true, description: 'Returned unchanged in the payload.' })
  clientMutationId?: string;
}

@ObjectType()
export abstract class MutationPayload {
  @Field(() => String, { nullable: true, description: 'As given in the input.' })
  clientMutationId?: string | null;

  @Field(() => [UserErrorType], { description: 'Refusals; empty when the mutation was done.' })
  userErrors!: readonly UserErrorType[];
}
