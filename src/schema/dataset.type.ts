import { Field, InputType, Int, ObjectType } from 'type-graphql';
import type { Partitioning } from '../domain/lake/partitioning.ts';
import type { MappingRole } from '../domain/operations/target.ts';
import type { Dataset, Mapping } from '../entities/dataset.entity.ts';
import type { LakeRetention, LakeRetentionAction } from '../entities/lake-retention.entity.ts';
import type { LakeTableOrigin } from '../entities/lake-table.entity.ts';
import type { ErrorCode } from '../errors/codes.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { ErrorCodeEnum, MutationInput } from './payload.type.ts';
import { Instant } from './scalars.ts';

export const mappingRoleDescriptions: Readonly<Record<MappingRole, string>> = {
  TOPIC: 'A Kafka topic.',
  LAKE_TABLE: 'A directory of files in the lake.',
  WAREHOUSE_TABLE: 'A table of a warehouse. Recorded, not yet acted on: plans list it as a gap.',
  SEARCH_INDEX: 'A search index. Recorded, not yet acted on: plans list it as a gap.',
};

export const MappingRoleEnum = describedEnum<MappingRole>(
  'MappingRole',
  'What kind of place a mapped dataset is.',
  mappingRoleDescriptions,
);

@ObjectType('Dataset', {
  implements: NodeType,
  description: 'A physical place that holds data, named as OpenLineage names it.',
})
export class DatasetType extends NodeType implements Pick<Dataset, 'namespace' | 'name' | 'createdAt'> {
  @Field(() => String, { description: 'Where it lives, e.g. `kafka://broker:9092` or `file`.' })
  namespace!: string;

  @Field(() => String, { description: 'Its name there: a topic, a path, a table.' })
  name!: string;

  @Field(() => Instant, { description: 'When the catalog first heard of it.' })
  createdAt!: Date;
}

export const PartitioningEnum = describedEnum<Partitioning>(
  'Partitioning',
  'How the folders of a lake table say which rows they hold.',
  {
    HIVE: 'Folders such as `_year=2018/_month=06/_day=01`.',
    YMD: 'A folder of each day, `yyyy/mm/dd`, or of each month or hour, and `unknown_date`.',
    NONE: 'Not at all.',
  },
);

const LakeTableOriginEnum = describedEnum<LakeTableOrigin>('LakeTableOrigin', 'Who writes a lake table.', {
  LANDED: 'Landings made it and write to it.',
  REGISTERED: 'Others write it; it was registered by `registerLakeTable`.',
  TRANSFORMED: 'A transformer makes it.',
});

export const LakeRetentionActionEnum = describedEnum<LakeRetentionAction>(
  'LakeRetentionAction',
  'What becomes of rows that are older than a retention rule allows.',
  { DELETE: 'They are removed: files in which nothing else is as a whole, others are rewritten.' },
);

@ObjectType('LakeRetention', {
  description: 'How long a lake table keeps its rows. Each UTC day an operation is asked for.',
})
class LakeRetentionType
  implements Pick<LakeRetention, 'dateField' | 'days' | 'action' | 'autoApprove' | 'setBy' | 'setAt'>
{
  @Field(() => String, { description: 'Column with the date of a row. A row without one stays, and is an open point.' })
  dateField!: string;

  @Field(() => Int, { description: 'Whole UTC days that a row stays after its own.' })
  days!: number;

  @Field(() => LakeRetentionActionEnum, { description: 'What becomes of older rows.' })
  action!: LakeRetentionAction;

  @Field(() => Boolean, { description: 'True when plans need no person, once one has approved a plan of this rule.' })
  autoApprove!: boolean;

  @Field(() => String, { description: 'Actor who set it.' })
  setBy!: string;

  @Field(() => Instant, { description: 'When it was set.' })
  setAt!: Date;
}

@ObjectType('LakeTable', { description: 'A dataset as a table of the lake: what is registered of its files.' })
export class LakeTableType {
  @Field(() => String, { description: 'Directory below the root of the lake.' })
  location!: string;

  @Field(() => LakeTableOriginEnum, { description: 'Who writes it.' })
  origin!: LakeTableOrigin;

  @Field(() => PartitioningEnum, { description: 'How its folders say which rows they hold.' })
  partitioning!: Partitioning;

  @Field(() => String, {
    nullable: true,
    description: 'Field with the date of a record, by which landings partition the table; null when none was named.',
  })
  dateField!: string | null;

  @Field(() => LakeRetentionType, {
    nullable: true,
    description: 'Its own rule of how long it keeps its rows; null: none, see `Dataset.effectiveRetention`.',
  })
  retention!: LakeRetentionType | null;

  @Field(() => Int, { description: 'Files.' })
  files!: number;

  @Field(() => Number, { description: 'Rows in all files.' })
  rows!: number;

  @Field(() => Number, { description: 'Bytes of all files.' })
  bytes!: number;

  @Field(() => Int, {
    description: 'Files whose subject index is made for their present content; the others are scanned.',
  })
  indexedFiles!: number;

  @Field(() => Int, {
    description:
      'Files that the index has given up as they are, since they cannot be read, not be searched by their keys, or kept changing. They are scanned.',
  })
  indexLeftFiles!: number;

  @Field(() => Number, { description: 'Bytes of the subject index.' })
  indexBytes!: number;

  @Field(() => Instant, {
    nullable: true,
    description:
      'When the table was looked at to which the index last caught up; null before the first time. Files that came later are scanned, or indexed as they land.',
  })
  indexedAsOf!: Date | null;

  @Field(() => ErrorCodeEnum, {
    nullable: true,
    description: 'Why the index could not be brought up to date when that was last tried; null when it could.',
  })
  indexFault!: ErrorCode | null;
}

@ObjectType('Mapping', {
  implements: NodeType,
  description:
    'Says that a dataset holds records of an entity, and by which fields accounts and subjects are found in it.',
})
export class MappingType
  extends NodeType
  implements
    Pick<Mapping, 'role' | 'accountField' | 'subjectFields' | 'protectOnProduce' | 'refuseUntagged' | 'createdAt'>
{
  @Field(() => MappingRoleEnum, { description: 'What kind of place the dataset is.' })
  role!: MappingRole;

  @Field(() => String, { description: 'Field that holds the account id.' })
  accountField!: string;

  @Field(() => [String], { description: 'Fields whose values may name a data subject in this dataset.' })
  subjectFields!: string[];

  @Field(() => Boolean, {
    description:
      'True when the produce API protects records by the policies in force before Kafka sees them. See `setProduceGate`.',
  })
  protectOnProduce!: boolean;

  @Field(() => Boolean, {
    description:
      'True when the produce API refuses records with values that look personal in fields without a semantic type. See `setProduceGate`.',
  })
  refuseUntagged!: boolean;

  @Field(() => Instant, { description: 'When it was made.' })
  createdAt!: Date;
}

export const DatasetConnection = connectionOf('Dataset', () => DatasetType, 'Datasets, by namespace and name.');
export const MappingConnection = connectionOf('Mapping', () => MappingType, 'Mappings, oldest first.');

/** By which fields the records of a dataset are found. */
@InputType()
export abstract class RecordKeysInput extends MutationInput {
  @Field(() => String, { description: 'Top-level field that holds the account id.' })
  accountField!: string;

  @Field(() => [String], {
    nullable: true,
    description: 'Top-level fields whose values may name a data subject. Default none.',
  })
  subjectFields?: string[];
}
