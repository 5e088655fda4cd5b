import { Args, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import type { Dataset, Mapping } from '../entities/dataset.entity.ts';
import type { Entity } from '../entities/entity.entity.ts';
import type { EntityVersion } from '../entities/entity-version.entity.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType, LakeTableType, MappingConnection, MappingType } from '../schema/dataset.type.ts';
import {
  EntityFieldConnection,
  EntityType,
  EntityVersionConnection,
  EntityVersionType,
} from '../schema/entity.type.ts';
import { Json } from '../schema/scalars.ts';
import type { RequestContext } from './context.ts';

@Resolver(() => EntityType)
export class EntityFields {
  @FieldResolver(() => String, { description: 'Namespace and name, e.g. `Demo.SparkSummit`.' })
  fullName(@Root() entity: Entity): string {
    return `${entity.namespace}.${entity.name}`;
  }

  @FieldResolver(() => [String], { description: 'Other names under which `entity` finds it, as `namespace.name`.' })
  aliases(@Root() entity: Entity, @Ctx() { loaders }: RequestContext): Promise<readonly string[]> {
    return loaders.aliases.load(entity.id);
  }

  @FieldResolver(() => EntityVersionType, { nullable: true, description: 'The newest version.' })
  async latestVersion(@Root() entity: Entity, @Ctx() { loaders }: RequestContext): Promise<EntityVersion | null> {
    const page = await loaders.versionsOfEntity.load({ parentId: entity.id, request: { first: 1 } });
    return page.items[0] ?? null;
  }

  @FieldResolver(() => EntityVersionConnection, { description: 'Versions, newest first.' })
  async versions(
    @Root() entity: Entity,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    return new EntityVersionConnection(await loaders.versionsOfEntity.load({ parentId: entity.id, request: page }));
  }

  @FieldResolver(() => MappingConnection, { description: 'Datasets that hold records of it.' })
  async mappings(
    @Root() entity: Entity,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    return new MappingConnection(await loaders.mappingsOfEntity.load({ parentId: entity.id, request: page }));
  }
}

@Resolver(() => EntityVersionType)
export class EntityVersionFields {
  @FieldResolver(() => Json, { description: 'The document exactly as it was registered.' })
  document(@Root() version: EntityVersion): unknown {
    return JSON.parse(version.document);
  }

  @FieldResolver(() => EntityType, { nullable: true, description: 'The entity it is a version of.' })
  entity(@Root() version: EntityVersion, @Ctx() { loaders }: RequestContext): Promise<Entity | null> {
    return loaders.entity.load(version.entityId);
  }

  @FieldResolver(() => EntityFieldConnection, { description: 'Fields in document order.' })
  async fields(
    @Root() version: EntityVersion,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    return new EntityFieldConnection(await loaders.fieldsOfVersion.load({ parentId: version.id, request: page }));
  }
}

@Resolver(() => MappingType)
export class MappingFields {
  @FieldResolver(() => EntityType, { nullable: true, description: 'The entity.' })
  entity(@Root() mapping: Mapping, @Ctx() { loaders }: RequestContext): Promise<Entity | null> {
    return loaders.entity.load(mapping.entityId);
  }

  @FieldResolver(() => DatasetType, { nullable: true, description: 'The dataset.' })
  dataset(@Root() mapping: Mapping, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(mapping.datasetId);
  }
}

@Resolver(() => DatasetType)
export class DatasetFields {
  @FieldResolver(() => MappingConnection, { description: 'Entities whose records it holds.' })
  async mappings(
    @Root() dataset: Dataset,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    return new MappingConnection(await loaders.mappingsOfDataset.load({ parentId: dataset.id, request: page }));
  }

  @FieldResolver(() => LakeTableType, {
    nullable: true,
    description: 'What the lake holds of it; null when it is not a lake table.',
  })
  lakeTable(@Root() dataset: Dataset, @Ctx() { loaders }: RequestContext): Promise<LakeTableType | null> {
    return loaders.lakeTable.load(dataset.id);
  }
}
