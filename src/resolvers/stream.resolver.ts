import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import type { ReplayStart } from '../domain/kafka/replay.ts';
import type { StreamLag, StreamState, StreamStatus } from '../domain/kafka/stream-status.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { Entity } from '../entities/entity.entity.ts';
import type { Stream } from '../entities/stream.entity.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import { EntityType } from '../schema/entity.type.ts';
import {
  CreateLakeLandingInput,
  CreateStreamProtectionInput,
  SteerStreamInput,
  StreamConnection,
  StreamLagType,
  StreamPayload,
  StreamStateEnum,
  StreamStatusType,
  StreamType,
} from '../schema/stream.type.ts';
import {
  type ReplayFromInput,
  ReplayStreamInput,
  ReplayStreamPayload,
  toldStep,
} from '../schema/stream-replay.type.ts';
import type { StreamReadModel } from '../services/kafka/stream.read-model.ts';
import type { StreamService } from '../services/kafka/stream.service.ts';
import type { StreamSteeringService } from '../services/kafka/stream-steering.service.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';

const partitionsDefault = 3;
const offsetsMax = 1_000;

@Resolver(() => StreamType)
export class StreamResolver {
  readonly #service: StreamService;
  readonly #steering: StreamSteeringService;
  readonly #readModel: StreamReadModel;

  constructor(deps: {
    readonly streamService: StreamService;
    readonly streamSteering: StreamSteeringService;
    readonly streams: StreamReadModel;
  }) {
    this.#service = deps.streamService;
    this.#steering = deps.streamSteering;
    this.#readModel = deps.streams;
  }

  @Query(() => StreamConnection, { description: 'Streams, oldest first.' })
  async streams(@Args(() => ConnectionArgs) page: ConnectionArgs) {
    return new StreamConnection(await this.#readModel.streams(page));
  }

  @Mutation(() => StreamPayload, {
    description:
      'Declares that records of a topic go to another topic under the protection policies; makes and maps both topics.',
  })
  createStreamProtection(
    @Acting() actor: Actor,
    @Arg('input', () => CreateStreamProtectionInput, { description: 'The stream.' }) input: CreateStreamProtectionInput,
  ) {
    return mutationPayload(input, async () => ({
      stream: await this.#service.createStreamProtection(actor, {
        ...input,
        entityId: localId('Entity', input.entityId, ['entityId']),
        subjectFields: input.subjectFields ?? [],
        partitions: input.partitions ?? partitionsDefault,
      }),
    }));
  }

  @Mutation(() => StreamPayload, {
    description: 'Declares that records land in a lake table by day; makes and maps the table.',
  })
  createLakeLanding(
    @Acting() actor: Actor,
    @Arg('input', () => CreateLakeLandingInput, { description: 'The landing.' }) input: CreateLakeLandingInput,
  ) {
    return mutationPayload(input, async () => ({
      stream: await this.#service.createLakeLanding(actor, {
        ...input,
        entityId: localId('Entity', input.entityId, ['entityId']),
        sourceTopic: input.sourceTopic ?? null,
        subjectFields: input.subjectFields ?? [],
      }),
    }));
  }

  @Mutation(() => StreamPayload, {
    description: 'Pauses a stream: it stops at its next batch boundary, in every process, and keeps its position.',
  })
  pauseStream(
    @Acting() actor: Actor,
    @Arg('input', () => SteerStreamInput, { description: 'The stream.' }) input: SteerStreamInput,
  ) {
    return mutationPayload(input, async () => ({
      stream: await this.#steering.pauseStream(actor, localId('Stream', input.id)),
    }));
  }

  @Mutation(() => StreamPayload, { description: 'Lets a paused stream go on from its position.' })
  resumeStream(
    @Acting() actor: Actor,
    @Arg('input', () => SteerStreamInput, { description: 'The stream.' }) input: SteerStreamInput,
  ) {
    return mutationPayload(input, async () => ({
      stream: await this.#steering.resumeStream(actor, localId('Stream', input.id)),
    }));
  }

  @Mutation(() => ReplayStreamPayload, {
    description:
      'Puts a paused protection stream back, so that it reads again what it has read, once it is resumed. It writes that to the same target again: records of the target are there twice by nature, with what the policies and keys make of them now. Never forward, because what is skipped would never be protected. Refused while consumers of the stream still work, and for landings.',
  })
  replayStream(
    @Acting() actor: Actor,
    @Arg('input', () => ReplayStreamInput, { description: 'The stream, and from where.' }) input: ReplayStreamInput,
  ) {
    return mutationPayload(input, async () => {
      const { stream, steps } = await this.#steering.replayStream(actor, {
        id: localId('Stream', input.id),
        from: replayStart(input.from),
        acceptsDuplicates: input.acceptsDuplicates,
      });
      return { stream, steps: steps.map(toldStep) };
    });
  }

  @FieldResolver(() => StreamStateEnum, { description: 'How it is.' })
  async state(@Root() stream: Stream, @Ctx() { loaders }: RequestContext): Promise<StreamState> {
    return (await loaders.streamStatus.load(stream.id))?.state ?? stream.state;
  }

  @FieldResolver(() => StreamStatusType, { nullable: true, description: 'Why it is as it is, and what it carries.' })
  status(@Root() stream: Stream, @Ctx() { loaders }: RequestContext): Promise<StreamStatus | null> {
    return loaders.streamStatus.load(stream.id);
  }

  @FieldResolver(() => StreamLagType, {
    nullable: true,
    description: 'How far it is behind; null for a stream that reads no topic, and while Kafka does not answer.',
  })
  lag(@Root() stream: Stream, @Ctx() { loaders }: RequestContext): Promise<StreamLag | null> {
    return loaders.streamLag.load(stream.id);
  }

  @FieldResolver(() => EntityType, { nullable: true, description: 'Entity of the records.' })
  entity(@Root() stream: Stream, @Ctx() { loaders }: RequestContext): Promise<Entity | null> {
    return loaders.entity.load(stream.entityId);
  }

  @FieldResolver(() => DatasetType, { nullable: true, description: 'Where records come from.' })
  source(@Root() stream: Stream, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(stream.sourceDatasetId);
  }

  @FieldResolver(() => DatasetType, { nullable: true, description: 'Where records go.' })
  target(@Root() stream: Stream, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(stream.targetDatasetId);
  }
}

function replayStart({ earliest, timestamp, offsets }: ReplayFromInput): ReplayStart {
  const starts: ReplayStart[] = [
    ...(earliest === true ? [{ kind: 'EARLIEST' } as const] : []),
    ...(timestamp == null ? [] : [{ kind: 'TIMESTAMP', at: timestamp } as const]),
    ...(offsets == null ? [] : [{ kind: 'OFFSETS', offsets } as const]),
  ];
  const [start] = starts;
  if (start === undefined || starts.length > 1)
    throw new LinewardError('BAD_INPUT', 'from: give one of earliest: true, timestamp and offsets', { path: ['from'] });
  if ((offsets?.length ?? 0) > offsetsMax)
    throw new LinewardError('LIMIT_EXCEEDED', `from.offsets: at most ${offsetsMax}`, { path: ['from', 'offsets'] });
  return start;
}
