import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { Entity } from '../entities/entity.entity.ts';
import type { Stream } from '../entities/stream.entity.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import { EntityType } from '../schema/entity.type.ts';
import {
  CreateLakeLandingInput,
  CreateStreamProtectionInput,
  SetStreamStateInput,
  StreamConnection,
  StreamPayload,
  StreamType,
} from '../schema/stream.type.ts';
import type { StreamReadModel } from '../services/kafka/stream.read-model.ts';
import type { StreamService } from '../services/kafka/stream.service.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';

const partitionsDefault = 3;

@Resolver(() => StreamType)
export class StreamResolver {
  readonly #service: StreamService;
  readonly #readModel: StreamReadModel;

  constructor(deps: { readonly streamService: StreamService; readonly streams: StreamReadModel }) {
    this.#service = deps.streamService;
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

  @Mutation(() => StreamPayload, { description: 'Pauses a stream at its next batch boundary, or lets it go on.' })
  setStreamState(
    @Acting() actor: Actor,
    @Arg('input', () => SetStreamStateInput, { description: 'The stream.' }) input: SetStreamStateInput,
  ) {
    return mutationPayload(input, async () => ({
      stream: await this.#service.setStreamState(actor, { id: localId('Stream', input.id), state: input.state }),
    }));
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
