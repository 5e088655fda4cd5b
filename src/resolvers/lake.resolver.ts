import { Arg, Ctx, FieldResolver, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import { type FileFormat, formatOf } from '../domain/lake/file-format.ts';
import type { FileGroup } from '../domain/lake/table-profile.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { Entity } from '../entities/entity.entity.ts';
import type { LakeRegistration } from '../entities/lake-registration.entity.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import { EntityType } from '../schema/entity.type.ts';
import {
  LakeFileFormatEnum,
  LakeFileGroupType,
  LakeRegistrationPayload,
  LakeRegistrationType,
  RegisterLakeTableInput,
} from '../schema/lake.type.ts';
import { DiscoveredLakeTableType, LakeDiscoveryType } from '../schema/lake-discovery.type.ts';
import type { DiscoveredTable, LakeDiscovery, TableDiscovery } from '../services/lake/table-discovery.ts';
import type { TableRegistrationService } from '../services/lake/table-registration.service.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';

const foldersDefault = 1_000;

@Resolver(() => LakeRegistrationType)
export class LakeResolver {
  readonly #registration: TableRegistrationService;
  readonly #discovery: TableDiscovery;

  constructor(deps: {
    readonly tableRegistration: TableRegistrationService;
    readonly tableDiscovery: TableDiscovery;
  }) {
    this.#registration = deps.tableRegistration;
    this.#discovery = deps.tableDiscovery;
  }

  @Query(() => LakeDiscoveryType, {
    description: 'Walks the lake and answers directories that look like tables and are not registered.',
  })
  discoverLakeTables(
    @Arg('under', () => String, { nullable: true, description: 'Only below this directory of the lake.' })
    under?: string,
    @Arg('foldersMax', () => Int, {
      nullable: true,
      description: 'Folders to look into at most, 1 to 5,000. Default 1,000.',
    })
    foldersMax?: number,
  ): Promise<LakeDiscovery> {
    return this.#discovery.discover({ under: under ?? null, foldersMax: foldersMax ?? foldersDefault });
  }

  @Mutation(() => LakeRegistrationPayload, {
    description:
      'Registers a directory of Parquet, NDJSON or Avro files that others write as a table of an entity, so that operations act on it. All its files are looked at first; ask for the registration by `node` to see how far that is.',
  })
  registerLakeTable(
    @Acting() actor: Actor,
    @Arg('input', () => RegisterLakeTableInput, { description: 'The table.' }) input: RegisterLakeTableInput,
  ) {
    return mutationPayload(input, async () => ({
      registration: await this.#registration.register(actor, {
        entityId: localId('Entity', input.entityId, ['entityId']),
        location: input.location,
        accountField: input.accountField,
        subjectFields: input.subjectFields ?? [],
        dateField: input.dateField ?? null,
        partitioning: input.partitioning ?? null,
        dryRun: input.dryRun ?? false,
        acceptUnreadable: input.acceptUnreadable ?? false,
      }),
    }));
  }

  @FieldResolver(() => EntityType, { nullable: true, description: 'Entity of the records.' })
  entity(@Root() registration: LakeRegistration, @Ctx() { loaders }: RequestContext): Promise<Entity | null> {
    return loaders.entity.load(registration.entityId);
  }

  @FieldResolver(() => DatasetType, { nullable: true, description: 'The table as a dataset; null until it is one.' })
  async dataset(@Root() { datasetId }: LakeRegistration, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return datasetId == null ? null : loaders.dataset.load(datasetId);
  }
}

@Resolver(() => LakeFileGroupType)
export class LakeFileGroupFields {
  @FieldResolver(() => LakeFileFormatEnum, { description: 'How they are written, as their names tell.' })
  format(@Root() { example }: FileGroup): FileFormat {
    return formatOf(example);
  }
}

@Resolver(() => DiscoveredLakeTableType)
export class DiscoveredLakeTableFields {
  @FieldResolver(() => LakeFileFormatEnum, {
    nullable: true,
    description: 'How the example is written, as its name tells; a table may have files of several formats.',
  })
  format(@Root() { example }: DiscoveredTable): FileFormat | null {
    return example === null ? null : formatOf(example);
  }
}
