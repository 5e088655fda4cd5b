import { Field, ID, InputType, ObjectType } from 'type-graphql';
import type { OperationStatus } from '../domain/operations/status.ts';
import type { Operation } from '../entities/operation.entity.ts';
import { OperationStatusEnum, OperationType } from './operation.type.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';

@InputType({ description: 'A data subject by the value of a subject key.' })
export class SubjectKeyInput {
  @Field(() => String, { description: 'Top-level field that names the subject, e.g. `user_id`.' })
  field!: string;

  @Field(() => String, { description: 'Its value, compared as text.' })
  value!: string;
}

@InputType({ description: 'A whole account, or one data subject in it.' })
export class SubjectSelectorInput {
  @Field(() => String, { description: 'The account.' })
  accountId!: string;

  @Field(() => SubjectKeyInput, { nullable: true, description: 'The data subject; the whole account when absent.' })
  subject?: SubjectKeyInput;
}

/** What every request of an operation may say. */
@InputType()
export abstract class RequestOperationInput extends MutationInput {
  @Field(() => String, { nullable: true, description: 'Why, for the record; 1 to 4,000 characters.' })
  reason?: string;

  @Field(() => Boolean, { nullable: true, description: 'Stop after the plan. Default false.' })
  dryRun?: boolean;

  @Field(() => String, {
    nullable: true,
    description: 'A second request with the same key and input answers the first operation. 1 to 255 characters.',
  })
  idempotencyKey?: string;
}

@InputType({ description: 'Whose keys to destroy.' })
export class RequestShredInput extends RequestOperationInput {
  @Field(() => [SubjectSelectorInput], {
    description: '1 to 10,000 accounts, each with the keys of all persons in it, or single persons.',
  })
  subjects!: SubjectSelectorInput[];
}

@InputType({ description: 'Whom to erase.' })
export class RequestErasureInput extends RequestOperationInput {
  @Field(() => [SubjectSelectorInput], { description: '1 to 10,000 accounts or subjects; repeated ones count once.' })
  subjects!: SubjectSelectorInput[];

  @Field(() => ID, { nullable: true, description: 'Only the places of this entity. Default: of all entities.' })
  entityId?: string;

  @Field(() => Boolean, {
    nullable: true,
    description:
      'Begin as soon as the plan is approved, instead of waiting for the end of the window (`ERASURE_WINDOW_MINUTES`) to go with others. Default false.',
  })
  urgent?: boolean;
}

@InputType({ description: 'What to work on; the plan lists the places.' })
class RequestTransformationInput extends RequestOperationInput {
  @Field(() => [ID], { nullable: true, description: 'Only these of the places, 1 to 1,000. Default: all of them.' })
  datasetIds?: string[];

  @Field(() => [String], {
    nullable: true,
    description: 'Only records of these accounts, at most 10,000. Default: all records.',
  })
  accountIds?: string[];
}

@InputType({ description: 'Whose stored records to protect.' })
export class RequestProtectionInput extends RequestTransformationInput {
  @Field(() => ID, { description: 'The entity whose policies and places they are.' })
  entityId!: string;
}

@InputType({ description: 'Where to encrypt anew.' })
export class RequestRewrapInput extends RequestTransformationInput {
  @Field(() => ID, { nullable: true, description: 'Only the places of this entity. Default: of all entities.' })
  entityId?: string;
}

@InputType({ description: 'A plan to approve.' })
export class ApproveOperationInput extends MutationInput {
  @Field(() => ID, { description: 'The operation.' })
  id!: string;

  @Field(() => String, {
    description: '`planHash` of the plan that was read. A plan that has changed since is refused.',
  })
  planHash!: string;

  @Field(() => String, {
    nullable: true,
    description:
      'The actor in whose name one approves, who has asked for that by `delegateApproval`. Default: one’s own name.',
  })
  onBehalfOf?: string | null;
}

@InputType({ description: 'An operation to stop.' })
export class CancelOperationInput extends MutationInput {
  @Field(() => ID, { description: 'The operation.' })
  id!: string;

  @Field(() => String, { nullable: true, description: 'Why, for the record; 1 to 4,000 characters.' })
  reason?: string;
}

@InputType({ description: 'An operation to take up again.' })
export class RetryOperationInput extends MutationInput {
  @Field(() => ID, { description: 'An operation that ended PARTIAL, BLOCKED or FAILED.' })
  id!: string;
}

@ObjectType({ description: 'The operation after the change.' })
export class OperationPayload extends MutationPayload {
  @Field(() => OperationType, { nullable: true, description: 'The operation; null when refused.' })
  operation?: Operation | null;
}

@InputType({ description: 'Which operations; all given conditions hold.' })
export class OperationFilter {
  @Field(() => [OperationStatusEnum], { nullable: true, description: 'With one of these statuses.' })
  statusIn?: OperationStatus[];

  @Field(() => SubjectSelectorInput, {
    nullable: true,
    description: 'About exactly this account or subject, also after its identifiers were dropped. Takes READ_SUBJECTS.',
  })
  subject?: SubjectSelectorInput;
}
