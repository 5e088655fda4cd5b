import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { PartitionLag, StreamLag, StreamState, StreamStatus } from '../domain/kafka/stream-status.ts';
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

export const StreamStateEnum = describedEnum<StreamState>('StreamState', 'How a stream is.', {
  RUNNING: 'It runs wherever a process has the consumer role; `processes` says in how many it does.',
  PAUSED: 'It stands still and keeps its position; `processes` says how many have not stopped yet.',
  FAILED: 'It should run, and a process cannot go on with it. It is tried again by itself.',
});

@ObjectType('Stream', { implements: NodeType, description: 'A continuous movement of one dataset into another.' })
export class StreamType extends NodeType implements Pick<Stream, 'kind' | 'createdAt'> {
  @Field(() => StreamKindEnum, { description: 'What it does.' })
  kind!: StreamKind;

  @Field(() => Instant, { description: 'When it was declared.' })
  createdAt!: Date;
}

@ObjectType('StreamStatus', { description: 'What all processes together tell of a stream.' })
export class StreamStatusType implements Omit<StreamStatus, 'id' | 'state'> {
  @Field(() => String, {
    nullable: true,
    description: 'Why it fails, in the process in which it has failed for the longest time; null while it does not.',
  })
  reason!: string | null;

  @Field(() => Instant, { description: 'Since when it fails; else when it was declared, paused or resumed last.' })
  since!: Date;

  @Field(() => Int, { description: 'Processes that run it, or try to.' })
  processes!: number;

  @Field(() => Number, { description: 'Records that were carried in the last minute, by all processes, per second.' })
  recordsPerSecond!: number;

  @Field(() => Number, { description: 'Bytes of keys and values that were read in the last minute, per second.' })
  bytesPerSecond!: number;

  @Field(() => Number, {
    description:
      'Records that were written to the target since the stream was declared. What a process did in the second before it was killed is not counted.',
  })
  passed!: number;

  @Field(() => Number, {
    description: 'Records of which a notice went to the dead-letter topic instead; counted alike.',
  })
  setAside!: number;
}

@ObjectType('PartitionLag', { description: 'How far a stream is behind in one partition.' })
class PartitionLagType implements PartitionLag {
  @Field(() => Int, { description: 'Number of the partition, from 0.' })
  partition!: number;

  @Field(() => String, { description: 'Next offset that the stream reads, in decimal digits.' })
  position!: string;

  @Field(() => String, { description: 'Offset behind the last record that may be read, in decimal digits.' })
  end!: string;

  @Field(() => Number, { description: 'Offsets between them.' })
  records!: number;
}

@ObjectType('StreamLag', {
  description:
    'How far a stream is behind its source topic. The mark that ends a transaction of a producer takes an offset as a record does.',
})
export class StreamLagType implements StreamLag {
  @Field(() => Number, { description: 'Offsets that are not yet read, in all partitions.' })
  records!: number;

  @Field(() => [PartitionLagType], { description: 'Each partition.' })
  partitions!: readonly PartitionLag[];
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
export class SteerStreamInput extends MutationInput {
  @Field(() => ID, { description: 'The stream.' })
  id!: string;
}

@ObjectType({ description: 'The stream after the change.' })
export class StreamPayload extends MutationPayload {
  @Field(() => StreamType, { nullable: true, description: 'The stream; null when refused.' })
  stream?: Stream | null;
}

export const StreamConnection = connectionOf('Stream', () => StreamType, 'Streams, oldest first.');
