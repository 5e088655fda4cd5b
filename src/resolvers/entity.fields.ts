import { Args, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import type { Dataset, Mapping } from '../entities/dataset.entity.ts';
import type { Entity } from '../entities/entity.entity.ts';
import type { EntityVersion } from '../entities/entity-version.entity.ts';
import { DatasetFieldConnection } from '../schema/column-lineage.type.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType, LakeTableType, MappingConnection, MappingType } from '../schema/dataset.type.ts';
import { DeprecationType, EntityType, EntityVersionConnection, EntityVersionType } from '../schema/entity.type.ts';
import { NodeType, type TaggedNode } from '../schema/node.type.ts';
import { Instant } from '../schema/scalars.ts';
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

  @FieldResolver(() => DeprecationType, {
    nullable: true,
    description: 'Why it should be used no longer; null when it may be.',
  })
  deprecation(@Root() entity: Entity): DeprecationType | null {
    return deprecationOf('Entity', entity);
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

/** The deprecation in a row; null when there is none. */
export function deprecationOf(
  type: 'Entity' | 'EntityVersion',
  row: Pick<Entity, 'deprecatedAt' | 'deprecatedBy' | 'deprecationReason' | 'replacementId'>,
): DeprecationType | null {
  const { deprecatedAt: at, deprecatedBy: by, deprecationReason: reason, replacementId: id } = row;
  return at === null || by === null || reason === null ? null : { at, by, reason, replacementOf: { type, id } };
}

@Resolver(() => DeprecationType)
export class DeprecationFields {
  @FieldResolver(() => NodeType, {
    nullable: true,
    description: 'What to use instead, an `Entity` or an `EntityVersion` as the deprecated is; null when nobody said.',
  })
  async replacement(
    @Root() { replacementOf: { type, id } }: DeprecationType,
    @Ctx() { loaders }: RequestContext,
  ): Promise<TaggedNode | null> {
    if (id === null) return null;
    const row = await (type === 'Entity' ? loaders.entity.load(id) : loaders.version.load(id));
    return row === null ? null : { ...row, __typename: type };
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

  @FieldResolver(() => Instant, {
    nullable: true,
    description: 'When it was dropped, as lineage events tell; null when it was not, or was heard of since.',
  })
  droppedAt(@Root() dataset: Dataset, @Ctx() { loaders }: RequestContext): Promise<Date | null> {
    return loaders.datasetDrop.load(dataset.id);
  }

  @FieldResolver(() => DatasetFieldConnection, {
    description: 'Its fields by path, as schemas and columns in lineage events name them.',
  })
  async fields(
    @Root() dataset: Dataset,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    return new DatasetFieldConnection(await loaders.fieldsOfDataset.load({ parentId: dataset.id, request: page }));
  }

  @FieldResolver(() => LakeTableType, {
    nullable: true,
    description: 'What the lake holds of it; null when it is not a lake table.',
  })
  lakeTable(@Root() dataset: Dataset, @Ctx() { loaders }: RequestContext): Promise<LakeTableType | null> {
    return loaders.lakeTable.load(dataset.id);
  }
}
