import { Arg, Args, Mutation, Query, Resolver } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { Entity } from '../entities/entity.entity.ts';
import { EntityFilter, FieldFilter } from '../schema/catalog-filter.input.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetConnection, DatasetType } from '../schema/dataset.type.ts';
import { EntityConnection, EntityFieldConnection, EntityType } from '../schema/entity.type.ts';
import {
  MapEntityInput,
  MapEntityPayload,
  RegisterEntityVersionInput,
  RegisterEntityVersionPayload,
  SetProduceGateInput,
  SetProduceGatePayload,
  UnmapEntityInput,
  UnmapEntityPayload,
} from '../schema/registry.input.ts';
import type { MappingService } from '../services/registry/mapping.service.ts';
import type { RegistryReadModel } from '../services/registry/registry.read-model.ts';
import type { RegistryService } from '../services/registry/registry.service.ts';
import { Acting } from './acting.ts';
import { mutationPayload } from './mutation-payload.ts';

const fieldsDescription = `Fields over all entities, in the order of registration: of latest versions only, unless \`allVersions\`.
Which fields are personal, and where are they stored:
\`{ fields(filter: {classification: {eq: "PII"}}) { nodes { path semanticType tags version { number } entity { fullName }
datasets { nodes { role dataset { namespace name } } } } } }\``;

@Resolver()
export class RegistryResolver {
  readonly #service: RegistryService;
  readonly #readModel: RegistryReadModel;

  readonly #mappings: MappingService;

  constructor(deps: {
    readonly registryService: RegistryService;
    readonly registry: RegistryReadModel;
    readonly mappingService: MappingService;
  }) {
    this.#service = deps.registryService;
    this.#mappings = deps.mappingService;
    this.#readModel = deps.registry;
  }

  @Query(() => EntityType, { nullable: true, description: 'The entity of a name or alias; null when there is none.' })
  entity(
    @Arg('namespace', () => String, { description: 'Namespace of the record, e.g. `Demo`.' }) namespace: string,
    @Arg('name', () => String, { description: 'Name of the record, e.g. `SparkSummit`.' }) name: string,
  ): Promise<Entity | null> {
    return this.#readModel.entityNamed(namespace, name);
  }

  @Query(() => EntityConnection, { description: 'Entities by namespace and name.' })
  async entities(
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Arg('filter', () => EntityFilter, { nullable: true, description: 'Which entities.' }) filter?: EntityFilter,
  ) {
    return new EntityConnection(await this.#readModel.entities(page, filter));
  }

  @Query(() => EntityFieldConnection, { description: fieldsDescription })
  async fields(
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Arg('allVersions', () => Boolean, {
      defaultValue: false,
      description: 'True: also of versions that others have followed.',
    })
    allVersions: boolean,
    @Arg('filter', () => FieldFilter, { nullable: true, description: 'Which fields.' }) filter?: FieldFilter,
  ) {
    return new EntityFieldConnection(await this.#readModel.fields(page, { filter, allVersions }));
  }

  @Query(() => DatasetType, {
    nullable: true,
    description: 'The dataset of an OpenLineage name; null when there is none.',
  })
  dataset(
    @Arg('namespace', () => String, { description: 'Where it lives.' }) namespace: string,
    @Arg('name', () => String, { description: 'Its name there.' }) name: string,
  ): Promise<Dataset | null> {
    return this.#readModel.datasetNamed(namespace, name);
  }

  @Query(() => DatasetConnection, { description: 'Datasets by namespace and name.' })
  async datasets(@Args(() => ConnectionArgs) page: ConnectionArgs) {
    return new DatasetConnection(await this.#readModel.datasets(page));
  }

  @Mutation(() => RegisterEntityVersionPayload, {
    description:
      'Registers a schema document as the next version of its entity. The same document again answers the version it has.',
  })
  registerEntityVersion(
    @Acting() actor: Actor,
    @Arg('input', () => RegisterEntityVersionInput, { description: 'The document.' }) input: RegisterEntityVersionInput,
  ) {
    return mutationPayload(input, () => this.#service.registerEntityVersion(actor, input));
  }

  @Mutation(() => MapEntityPayload, {
    description: 'Says that a dataset holds records of an entity, so that erasures reach it.',
  })
  mapEntity(
    @Acting() actor: Actor,
    @Arg('input', () => MapEntityInput, { description: 'The mapping.' }) input: MapEntityInput,
  ) {
    return mutationPayload(input, () =>
      this.#service.mapEntity(actor, {
        ...input,
        entityId: localId('Entity', input.entityId, ['entityId']),
        subjectFields: input.subjectFields ?? [],
      }),
    );
  }

  @Mutation(() => SetProduceGatePayload, {
    description:
      'Says what the produce API does with the records of a topic before Kafka sees them. Refused with MAPPING_IN_USE while a protection stream reads the topic.',
  })
  setProduceGate(
    @Acting() actor: Actor,
    @Arg('input', () => SetProduceGateInput, { description: 'The mapping, and what is to be done.' })
    input: SetProduceGateInput,
  ) {
    return mutationPayload(input, () =>
      this.#mappings.setProduceGate(actor, { ...input, id: localId('Mapping', input.id, ['id']) }),
    );
  }

  @Mutation(() => UnmapEntityPayload, {
    description:
      'Removes a mapping, so that erasures of the entity no longer reach the dataset; where lineage leads to it, their plans list it as a gap. Refused with MAPPING_IN_USE while a stream or an operation needs it.',
  })
  unmapEntity(
    @Acting() actor: Actor,
    @Arg('input', () => UnmapEntityInput, { description: 'The mapping.' }) input: UnmapEntityInput,
  ) {
    return mutationPayload(input, async () => {
      const id = localId('Mapping', input.id, ['id']);
      const { entityId, dataset } = await this.#mappings.unmapEntity(actor, { id });
      const [entity = null] = await this.#readModel.entitiesById([entityId]);
      return { entity, dataset };
    });
  }
}
