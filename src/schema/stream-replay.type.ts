import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { PartitionOffset, ReplayStep } from '../domain/kafka/replay.ts';
import { MutationInput } from './payload.type.ts';
import { Instant } from './scalars.ts';
import { StreamPayload } from './stream.type.ts';

@InputType({ description: 'An offset of one partition.' })
class PartitionOffsetInput implements PartitionOffset {
  @Field(() => Int, { description: 'Number of the partition, from 0.' })
  partition!: number;

  @Field(() => String, {
    description:
      'Offset of the first record to be read again, in decimal digits: not before the first that the partition has, nor behind what the stream has read.',
  })
  offset!: string;
}

@InputType({ description: 'From where a stream reads again. Exactly one of the fields.' })
export class ReplayFromInput {
  @Field(() => Boolean, { nullable: true, description: '`true`: from the first record that the source still has.' })
  earliest?: boolean;

  @Field(() => Instant, { nullable: true, description: 'From the first record that is not older, in each partition.' })
  timestamp?: Date;

  @Field(() => [PartitionOffsetInput], {
    nullable: true,
    description: 'From these offsets, at most 1,000. Partitions that are not named go on where they are.',
  })
  offsets?: PartitionOffsetInput[];
}

@InputType({ description: 'A stream that is to read again what it has read.' })
export class ReplayStreamInput extends MutationInput {
  @Field(() => ID, { description: 'A paused protection stream.' })
  id!: string;

  @Field(() => ReplayFromInput, { description: 'From where.' })
  from!: ReplayFromInput;

  @Field(() => Boolean, {
    description:
      'Must be `true`: every record that is read again is written to the target again, behind what is there. Whoever reads the target must take records twice.',
  })
  acceptsDuplicates!: boolean;
}

@ObjectType('ReplayStep', { description: 'One partition of a source that is read again.' })
class ReplayStepType {
  @Field(() => Int, { description: 'Number of the partition, from 0.' })
  partition!: number;

  @Field(() => String, { description: 'Offset at which the stream was, in decimal digits.' })
  from!: string;

  @Field(() => String, { description: 'Offset at which it goes on, in decimal digits.' })
  to!: string;
}

@ObjectType({ description: 'The stream, and what it reads again once it is resumed.' })
export class ReplayStreamPayload extends StreamPayload {
  @Field(() => [ReplayStepType], {
    nullable: true,
    description: 'The partitions that were put back; those where nothing is to be read again are left out.',
  })
  steps?: readonly ReplayStepType[];
}

/** As GraphQL tells it. */
export const toldStep = ({ partition, from, to }: ReplayStep): ReplayStepType => ({
  partition,
  from: String(from),
  to: String(to),
});
