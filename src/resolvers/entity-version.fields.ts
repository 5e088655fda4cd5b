import { Arg, Args, Ctx, FieldResolver, ID, Resolver, Root } from 'type-graphql';
import { localId } from '../domain/global-id.ts';
import type { WalkEnd } from '../domain/lineage/graph.ts';
import type { SchemaFormat } from '../domain/registry/schema-format.ts';
import { isSame } from '../domain/registry/version-diff.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { Entity } from '../entities/entity.entity.ts';
import type { EntityField, EntityVersion } from '../entities/entity-version.entity.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType, MappingConnection } from '../schema/dataset.type.ts';
import {
  DeprecationType,
  EntityFieldConnection,
  EntityFieldType,
  EntityType,
  EntityVersionType,
  SchemaFormatEnum,
} from '../schema/entity.type.ts';
import { TruncatedReasonEnum } from '../schema/lineage.type.ts';
import { Json } from '../schema/scalars.ts';
import { SubjectVersionConnection, VersionDiffType } from '../schema/version-diff.type.ts';
import type { AffectedDatasets } from '../services/registry/affected-datasets.ts';
import type { VersionDiff, VersionSchema } from '../services/registry/entity-version.read-model.ts';
import type { RequestContext } from './context.ts';
import { deprecationOf } from './entity.fields.ts';

@Resolver(() => EntityVersionType)
export class EntityVersionFields {
  @FieldResolver(() => Json, {
    description:
      'The document exactly as it was registered; made of the schema, when that was registered under a subject.',
  })
  document(@Root() version: EntityVersion): unknown {
    return JSON.parse(version.document);
  }

  @FieldResolver(() => SchemaFormatEnum, { description: 'Language of its schema.' })
  async format(@Root() version: EntityVersion, @Ctx() context: RequestContext): Promise<SchemaFormat> {
    return (await schemaOf(version, context)).format;
  }

  @FieldResolver(() => String, { description: 'Text of its schema, as the schema registry listener answers it.' })
  async schemaText(@Root() version: EntityVersion, @Ctx() context: RequestContext): Promise<string> {
    return (await schemaOf(version, context)).text;
  }

  @FieldResolver(() => String, {
    description:
      'Text of its schema as it was first registered, with its white space, and in Protobuf its comments. A document has none of its own.',
  })
  async originalText(@Root() version: EntityVersion, @Ctx() context: RequestContext): Promise<string> {
    return (await schemaOf(version, context)).original;
  }

  @FieldResolver(() => String, {
    description:
      'GUID of its schema: the same wherever the schema is registered, e.g. in the header `__value_schema_id`.',
  })
  async guid(@Root() version: EntityVersion, @Ctx() context: RequestContext): Promise<string> {
    return (await schemaOf(version, context)).guid;
  }

  @FieldResolver(() => SubjectVersionConnection, {
    description: 'Where the schema registry has its schema, in all contexts, deleted places included.',
  })
  async registrySubjects(
    @Root() version: EntityVersion,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    const parentId = version.id;
    return new SubjectVersionConnection(await loaders.schemaPlacesOfVersion.load({ parentId, request: page }));
  }

  @FieldResolver(() => DeprecationType, {
    nullable: true,
    description: 'Why it should be used no longer; null when it may be.',
  })
  deprecation(@Root() version: EntityVersion): DeprecationType | null {
    return deprecationOf('EntityVersion', version);
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

  @FieldResolver(() => VersionDiffType, {
    nullable: true,
    description:
      'What it changes; null for a first version, unless `against` is given. One request compares at most 200,000 fields.',
  })
  diff(
    @Root() { id, entityId, number }: EntityVersion,
    @Ctx() { loaders }: RequestContext,
    @Arg('against', () => ID, {
      nullable: true,
      description: 'The version to compare with, of the same entity. Default the one before.',
    })
    against?: string,
  ): Promise<VersionDiff | null> {
    const other = against === undefined ? null : localId('EntityVersion', against, ['against']);
    return loaders.versionDiff.load({ versionId: id, entityId, number, against: other });
  }
}

async function schemaOf({ schemaId }: EntityVersion, { loaders }: RequestContext): Promise<VersionSchema> {
  const schema = await loaders.schema.load(schemaId);
  if (schema === null) throw new LinewardError('INTERNAL', `schema ${schemaId} of a version is not there`);
  return schema;
}

@Resolver(() => EntityFieldType)
export class EntityFieldFields {
  @FieldResolver(() => EntityVersionType, { nullable: true, description: 'The version it is a field of.' })
  version(@Root() field: EntityField, @Ctx() { loaders }: RequestContext): Promise<EntityVersion | null> {
    return loaders.version.load(field.versionId);
  }

  @FieldResolver(() => EntityType, { nullable: true, description: 'The entity it is a field of.' })
  async entity(@Root() field: EntityField, @Ctx() { loaders }: RequestContext): Promise<Entity | null> {
    const version = await loaders.version.load(field.versionId);
    return version === null ? null : loaders.entity.load(version.entityId);
  }

  @FieldResolver(() => MappingConnection, {
    description: 'Where it is stored: the datasets that hold records of its entity, each with its role.',
  })
  async datasets(
    @Root() field: EntityField,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    const version = await loaders.version.load(field.versionId);
    const parentId = version?.entityId ?? '';
    return new MappingConnection(await loaders.mappingsOfEntity.load({ parentId, request: page }));
  }
}

@Resolver(() => VersionDiffType)
export class VersionDiffFields {
  @FieldResolver(() => EntityVersionType, { nullable: true, description: 'The earlier version.' })
  from(@Root() { fromId }: VersionDiff, @Ctx() { loaders }: RequestContext): Promise<EntityVersion | null> {
    return loaders.version.load(fromId);
  }

  @FieldResolver(() => EntityVersionType, { nullable: true, description: 'The later version.' })
  to(@Root() { toId }: VersionDiff, @Ctx() { loaders }: RequestContext): Promise<EntityVersion | null> {
    return loaders.version.load(toId);
  }

  @FieldResolver(() => [DatasetType], {
    description:
      'Datasets that hold records of the entity, then those that lineage makes of them, nearest first: at most 10,000, up to 50 steps away. None when nothing changed.',
  })
  async affectedDatasets(@Root() diff: VersionDiff, @Ctx() context: RequestContext): Promise<readonly Dataset[]> {
    const { datasetIds } = await affectedBy(diff, context);
    const datasets = await Promise.all(datasetIds.map((id) => context.loaders.dataset.load(id)));
    return datasets.filter((dataset) => dataset !== null);
  }

  @FieldResolver(() => Boolean, { description: 'False when lineage goes further than `affectedDatasets`.' })
  async complete(@Root() diff: VersionDiff, @Ctx() context: RequestContext): Promise<boolean> {
    return (await affectedBy(diff, context)).truncatedReason === null;
  }

  @FieldResolver(() => TruncatedReasonEnum, {
    nullable: true,
    description: 'Why `affectedDatasets` is not complete; null when it is.',
  })
  async truncatedReason(
    @Root() diff: VersionDiff,
    @Ctx() context: RequestContext,
  ): Promise<WalkEnd['truncatedReason']> {
    return (await affectedBy(diff, context)).truncatedReason;
  }
}

async function affectedBy(diff: VersionDiff, { loaders }: RequestContext): Promise<AffectedDatasets> {
  return isSame(diff) ? { datasetIds: [], truncatedReason: null } : loaders.affectedDatasets.load(diff.entityId);
}
