import { Field, Float, ID, ObjectType } from 'type-graphql';
import type { Change } from '../domain/changes/change.ts';
import { type ChangeType, changeTypes } from '../domain/changes/change-type.ts';
import type { OperationStatus } from '../domain/operations/status.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { OperationStatusEnum } from './operation.type.ts';
import { Instant } from './scalars.ts';

export const ChangeTypeEnum = describedEnum<ChangeType>('ChangeType', 'What was changed.', changeTypes);

@ObjectType('Change', {
  description: 'Something that was changed: who did what to which object. What it is now is asked of the object.',
})
export class ChangeObject implements Change {
  @Field(() => Float, {
    description: 'Place in the order of all changes, to go on behind it; there are gaps. A whole number.',
  })
  seq!: number;

  @Field(() => ChangeTypeEnum, { description: 'What was changed.' })
  type!: ChangeType;

  @Field(() => Instant, { description: 'When.' })
  at!: string;

  @Field(() => String, { description: 'Who, as audit events name it.' })
  actorId!: string;

  @Field(() => String, { description: 'What was done, as audit events name it, e.g. `mapEntity`.' })
  action!: string;

  @Field(() => String, { description: 'Type of the object.' })
  resourceType!: string;

  @Field(() => ID, { nullable: true, description: 'Global id of the object, if it is a node; it may be gone.' })
  resourceId!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Name of what is known by one, e.g. a subject of the schema registry.',
  })
  resourceName!: string | null;

  @Field(() => OperationStatusEnum, {
    nullable: true,
    description: 'What an operation was then; null for other things.',
  })
  status!: OperationStatus | null;
}

export const ChangeConnection = connectionOf(
  'Change',
  () => ChangeObject,
  'Changes, oldest first. A cursor is the `seq` of its change as text.',
);
