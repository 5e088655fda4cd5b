import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { LakeRetentionAction } from '../entities/lake-retention.entity.ts';
import { DatasetType, LakeRetentionActionEnum } from './dataset.type.ts';
import { RequestOperationInput } from './operation.input.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';

@InputType({ description: 'How long a lake table is to keep its rows.' })
export class SetLakeRetentionInput extends MutationInput {
  @Field(() => ID, { description: 'The table, as a dataset.' })
  datasetId!: string;

  @Field(() => Int, { description: 'Whole UTC days that a row stays after its own, 1 to 36,500.' })
  days!: number;

  @Field(() => String, {
    nullable: true,
    description:
      'Column with the date of a row: a date, a timestamp, or ISO 8601 as text, in UTC where it names no zone. Default: that of the table.',
  })
  dateField?: string;

  @Field(() => LakeRetentionActionEnum, { nullable: true, description: 'What becomes of older rows. Default DELETE.' })
  action?: LakeRetentionAction;

  @Field(() => Boolean, {
    nullable: true,
    description:
      'Later plans need no person, once one has approved a plan of this rule, while they have no open points but holds and rows without a date, and at most half of the rows would go. Default false.',
  })
  autoApprove?: boolean;
}

@InputType({ description: 'A table that is to have no rule of its own.' })
export class DeleteLakeRetentionInput extends MutationInput {
  @Field(() => ID, { description: 'The table, as a dataset.' })
  datasetId!: string;
}

@InputType({ description: 'A table whose retention rule or policy is to be followed now.' })
export class RequestRetentionInput extends RequestOperationInput {
  @Field(() => ID, { description: 'The table, as a dataset.' })
  datasetId!: string;
}

@ObjectType({ description: 'The table after the change.' })
export class LakeRetentionPayload extends MutationPayload {
  @Field(() => DatasetType, { nullable: true, description: 'The table; null when refused.' })
  dataset?: Dataset | null;
}
