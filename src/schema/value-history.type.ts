import { Field, ObjectType } from 'type-graphql';
import type { PartValue, ValueChange } from '../domain/changes/value-change.ts';
import { connectionOf } from './connection.type.ts';
import { Instant } from './scalars.ts';

@ObjectType('ValueChange', { description: 'A change of one part of something, with what was there before.' })
class ValueChangeType implements Pick<ValueChange, 'part' | 'before' | 'after' | 'actorId' | 'at'> {
  @Field(() => String, {
    description:
      'Of an entity `documentation`, `owners`, `tags`, `aliases` or `deprecation`; of a version `deprecation`; of a field of a dataset `label`; of a term or domain `description`, `owners` or `parent`.',
  })
  part!: string;

  @Field(() => String, { nullable: true, description: 'What was there before, as JSON; null for nothing.' })
  before!: string | null;

  @Field(() => String, { nullable: true, description: 'What is there since, as JSON; null for nothing.' })
  after!: string | null;

  @Field(() => String, { description: 'Who changed it.' })
  actorId!: string;

  @Field(() => Instant, { description: 'When.' })
  at!: Date;
}

export const ValueChangeConnection = connectionOf('ValueChange', () => ValueChangeType, 'Changes, newest first.');

@ObjectType('PartValue', { description: 'What a part of something was at a moment.' })
export class PartValueType implements PartValue {
  @Field(() => String, { description: 'The part, as a `ValueChange` names it.' })
  part!: string;

  @Field(() => String, { nullable: true, description: 'What it was, as JSON; null for nothing.' })
  value!: string | null;
}
