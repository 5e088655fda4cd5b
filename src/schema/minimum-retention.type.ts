import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import { type RetentionMode, retentionModes } from '../domain/governance/minimum-retention.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { MinimumRetention } from '../entities/minimum-retention.entity.ts';
import { connectionOf } from './connection.type.ts';
import { DatasetType } from './dataset.type.ts';
import { describedEnum } from './described-enum.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { PlaceScopeInput } from './place-scope.type.ts';
import { Instant } from './scalars.ts';

const RetentionModeEnum = describedEnum<RetentionMode>(
  'RetentionMode',
  'How hard a minimum retention is.',
  retentionModes,
);

@ObjectType('MinimumRetention', {
  description: 'How long a regulation wants the records of a dataset to be kept, or those of all that a scope names.',
})
export class MinimumRetentionType
  implements Pick<MinimumRetention, 'name' | 'days' | 'mode' | 'dateField' | 'validUntil' | 'setBy' | 'setAt'>
{
  @Field(() => String, { description: 'The regulation, as counsel names it.' })
  name!: string;

  @Field(() => Int, { description: 'Whole UTC days that a record is kept after its own.' })
  days!: number;

  @Field(() => RetentionModeEnum, { description: 'How hard it is.' })
  mode!: RetentionMode;

  @Field(() => String, {
    nullable: true,
    description:
      'Column with the date of a row; null for time stamps of a topic, for a table without a date field, and where it does not stand at a dataset.',
  })
  dateField!: string | null;

  @Field(() => Instant, { nullable: true, description: 'When the minimum itself ends; null: it does not.' })
  validUntil!: Date | null;

  @Field(() => String, { description: 'Actor who set it.' })
  setBy!: string;

  @Field(() => Instant, { description: 'When it was set.' })
  setAt!: Date;
}

@InputType({ description: 'How long a regulation wants the records of a dataset to be kept.' })
export class SetMinimumRetentionInput extends MutationInput {
  @Field(() => ID, {
    nullable: true,
    description: 'A lake table or a topic that an entity is mapped to. Either this or `scope`.',
  })
  datasetId?: string | null;

  @Field(() => PlaceScopeInput, {
    nullable: true,
    description: 'All datasets that fit, now and later; each table goes by its own date.',
  })
  scope?: PlaceScopeInput | null;

  @Field(() => String, {
    description:
      'The regulation, 1 to 200 characters. Setting the same name again changes that minimum: of the dataset, or among those with a scope.',
  })
  name!: string;

  @Field(() => Int, { description: 'Whole UTC days that a record is kept after its own, 1 to 36,500.' })
  days!: number;

  @Field(() => RetentionModeEnum, { description: 'How hard it is.' })
  mode!: RetentionMode;

  @Field(() => String, {
    nullable: true,
    description:
      'Column with the date of a row. Default: that of the table. Not for topics, which go by time stamps, and not with a scope.',
  })
  dateField?: string;

  @Field(() => Instant, { nullable: true, description: 'When the minimum itself ends. Default: it does not.' })
  validUntil?: Date;

  @Field(() => String, {
    nullable: true,
    description: 'Why a minimum in governance mode is weakened, 1 to 4,000 characters; needs BYPASS_RETENTION.',
  })
  bypassReason?: string;
}

@InputType({ description: 'A minimum retention to remove.' })
export class RemoveMinimumRetentionInput extends MutationInput {
  @Field(() => ID, { nullable: true, description: 'The dataset; left out for a minimum with a scope.' })
  datasetId?: string | null;

  @Field(() => String, { description: 'The regulation.' })
  name!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Why one in governance mode that has not run out is removed; needs BYPASS_RETENTION.',
  })
  bypassReason?: string;
}

@ObjectType({ description: 'The minimum, and its dataset, after the change.' })
export class MinimumRetentionPayload extends MutationPayload {
  @Field(() => DatasetType, {
    nullable: true,
    description: 'The dataset; null when refused, and for a minimum with a scope.',
  })
  dataset?: Dataset | null;

  @Field(() => MinimumRetentionType, {
    nullable: true,
    description: 'The minimum, as it is now or was when it was removed; null when refused.',
  })
  minimumRetention?: MinimumRetention | null;
}

export const MinimumRetentionConnection = connectionOf(
  'MinimumRetention',
  () => MinimumRetentionType,
  'Minimum retentions with a scope, newest first.',
);
