import { Field, Int, ObjectType } from 'type-graphql';
import type { ColumnFact } from '../domain/lake/column-fit.ts';
import type { Partitioning } from '../domain/lake/partitioning.ts';
import type { StandardName } from '../domain/lake/table-location.ts';
import type { ProfiledColumn } from '../domain/lake/table-profile.ts';
import type { Entity } from '../entities/entity.entity.ts';
import { PartitioningEnum } from './dataset.type.ts';
import { EntityType } from './entity.type.ts';
import { ColumnFactType, LakeColumnType } from './lake.type.ts';

@ObjectType('StandardName', {
  description: 'What `data/<area>/<entity>/v<major>.<minor>/by_<date field>_<grain>/<format>` says of a directory.',
})
class StandardNameType implements Omit<StandardName, 'version'> {
  @Field(() => String, { description: 'Area of the lake.' })
  area!: string;

  @Field(() => String, { description: 'Full name of the entity.' })
  entity!: string;

  @Field(() => String, { description: 'Field by whose date the table is partitioned.' })
  dateField!: string;

  @Field(() => String, { description: 'Grain of the partitions, e.g. `ymd`.' })
  grain!: string;

  @Field(() => String, { description: 'Format of the files.' })
  format!: string;
}

@ObjectType('DiscoveredLakeTable', { description: 'A directory that looks like a table and is not registered.' })
export class DiscoveredLakeTableType {
  @Field(() => String, { description: 'Directory below the root of the lake.' })
  location!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Table engine that owns it, e.g. `Delta Lake`: it cannot be registered. Null for plain files.',
  })
  engine!: string | null;

  @Field(() => PartitioningEnum, { description: 'How the folder of the example says which rows it holds.' })
  partitioning!: Partitioning;

  @Field(() => Int, { description: 'Files that were counted.' })
  files!: number;

  @Field(() => Number, { description: 'Their bytes.' })
  bytes!: number;

  @Field(() => Boolean, { description: 'False when there are more files than were counted.' })
  counted!: boolean;

  @Field(() => String, {
    nullable: true,
    description: 'Path below the table of the file that codec, columns and refusals are of.',
  })
  example!: string | null;

  @Field(() => String, { nullable: true, description: 'How it is compressed.' })
  codec!: string | null;

  @Field(() => [LakeColumnType], {
    description:
      'Its columns; none when it is no Parquet and has more than 64 MiB, so that it is read by a registration alone.',
  })
  columns!: readonly ProfiledColumn[];

  @Field(() => [String], { description: 'Why operations would refuse it.' })
  refusals!: readonly string[];

  @Field(() => StandardNameType, { nullable: true, description: 'What a standard directory says of itself.' })
  standardName!: StandardName | null;

  @Field(() => EntityType, { nullable: true, description: 'The entity of that name; null when the catalog has none.' })
  entity!: Entity | null;

  @Field(() => [ColumnFactType], { description: 'Where columns and the newest version of that entity differ.' })
  columnFacts!: readonly ColumnFact[];
}

@ObjectType('LakeDiscovery', { description: 'What lies in the lake, and what of it the catalog does not cover.' })
export class LakeDiscoveryType {
  @Field(() => [DiscoveredLakeTableType], { description: 'Tables that are not registered, at most 200.' })
  tables!: readonly DiscoveredLakeTableType[];

  @Field(() => Boolean, {
    description: 'False when the walk ended at a limit, or passed a folder that cannot be read: there may be more.',
  })
  complete!: boolean;

  @Field(() => Int, { description: 'Folders that were looked into.' })
  foldersSeen!: number;

  @Field(() => Int, { description: 'Tables that are registered or made by landings.' })
  registeredTables!: number;

  @Field(() => [String], {
    description: 'Directories of those to which no entity is mapped, at most 1,000: no operation reaches them.',
  })
  unmapped!: readonly string[];
}
