import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { Stream, StreamKind } from '../entities/stream.entity.ts';
import { connectionOf } from './connection.type.ts';
import { RecordKeysInput } from './dataset.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';

const StreamKindEnum = describedEnum<StreamKind>('StreamKind', 'What a stream does.', {
  PROTECTION: 'Applies protection policies from a topic into another topic.',
  LANDING: 'Lands records of a topic, or of the HTTP intake, in a lake table.',
});

const StreamStateEnum = describedEnum<Stream['state']>('StreamState', 'Whether a stream should run.', {
  RUNNING: 'It runs wherever a process has the consumer role.',
  PAUSED: 'It stands still and keeps its position.',
});

@ObjectType('Stream', { implements: NodeType, description: 'A continuous movement of one dataset into another.' })
export class StreamType extends NodeType implements Pick<Stream, 'kind' | 'state' | 'createdAt'> {
  @Field(() => StreamKindEnum, { description: 'What it does.' })
  kind!: StreamKind;

  @Field(() => StreamStateEnum, { description: 'Whether it should run.' })
  state!: Stream['state'];

  @Field(() => Instant, { description: 'When it was declared.' })
  createdAt!: Date;
}

@InputType({ description: 'A protection stream to declare.' })
export class CreateStreamProtectionInput extends RecordKeysInput {
  @Field(() => ID, { description: 'Entity of the records.' })
  entityId!: string;

  @Field(() => String, { description: 'Topic that producers write to. Made when missing.' })
  sourceTopic!: string;

  @Field(() => String, { description: 'Topic that consumers read. Made when missing, with as many partitions.' })
  targetTopic!: string;

  @Field(() => Int, { nullable: true, description: 'Partitions of topics that have to be made, 1 to 1000. Default 3.' })
  partitions?: number;
}

@InputType({ description: 'A landing to declare.' })
export class CreateLakeLandingInput extends RecordKeysInput {
  @Field(() => ID, { description: 'Entity of the records.' })
  entityId!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Topic to read. Left out: records come by `POST /api/v1/entities/{namespace}.{name}/records`.',
  })
  sourceTopic?: string;

  @Field(() => String, { description: 'Area of the lake, first part of the standard directory, e.g. `messaging`.' })
  area!: string;

  @Field(() => String, {
    description: 'Top-level field with the event date that partitions the table by day, e.g. `date_created`.',
  })
  dateField!: string;
}

@InputType({ description: 'A stream to pause or resume.' })
export class SetStreamStateInput extends MutationInput {
  @Field(() => ID, { description: 'The stream.' })
  id!: string;

  @Field(() => StreamStateEnum, { description: 'What it should do.' })
  state!: Stream['state'];
}

@ObjectType({ description: 'The stream after the change.' })
export class StreamPayload extends MutationPayload {
  @Field(() => StreamType, { nullable: true, description: 'The stream; null when refused.' })
  stream?: Stream | null;
}

export const StreamConnection = connectionOf('Stream', () => StreamType, 'Streams, oldest first.');
