import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { ColumnFact } from '../domain/lake/column-fit.ts';
import type { FileFormat } from '../domain/lake/file-format.ts';
import type { Partitioning } from '../domain/lake/partitioning.ts';
import type { FileGroup, ProfiledColumn, TableProfile } from '../domain/lake/table-profile.ts';
import type { LakeRegistration, LakeRegistrationStatus } from '../entities/lake-registration.entity.ts';
import type { ErrorCode } from '../errors/codes.ts';
import { PartitioningEnum, RecordKeysInput } from './dataset.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { ErrorCodeEnum, MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';

const LakeRegistrationStatusEnum = describedEnum<LakeRegistrationStatus>(
  'LakeRegistrationStatus',
  'How far the registration of a lake table has come.',
  {
    PROFILING: 'Its files are being looked at; `filesDone` says how far.',
    PROFILED: 'All files were looked at, and that was all that was asked for.',
    REGISTERED: 'It is a table, and operations act on it.',
    REFUSED: 'It is no table; `code` and `reason` say why.',
  },
);

const ColumnFactKindEnum = describedEnum<ColumnFact['kind']>(
  'ColumnFactKind',
  'How a column differs from the fields of an entity.',
  {
    MISSING: 'Some files have no column for the field.',
    OTHER_TYPE: 'The type of the column does not carry the values of the field.',
    UNKNOWN: 'No field has the name of the column.',
  },
);

@ObjectType('LakeColumn', { description: 'A top-level column of files.' })
export class LakeColumnType implements ProfiledColumn {
  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => String, { description: 'Its type as DuckDB names it; `NESTED` for lists, maps and structs.' })
  type!: string;
}

@ObjectType('ColumnFact', { description: 'Where columns and the newest version of the entity differ.' })
export class ColumnFactType implements ColumnFact {
  @Field(() => String, { description: 'Name of the column or field.' })
  column!: string;

  @Field(() => ColumnFactKindEnum, { description: 'How they differ.' })
  kind!: ColumnFact['kind'];

  @Field(() => String, { nullable: true, description: 'Type of the field; null when there is none.' })
  expected!: string | null;

  @Field(() => String, { nullable: true, description: 'Type of the column; null when there is none.' })
  found!: string | null;

  @Field(() => Int, { description: 'In how many files.' })
  files!: number;
}

export const LakeFileFormatEnum = describedEnum<FileFormat>(
  'LakeFileFormat',
  'How a file of the lake is written. Its name tells: what has no ending of another format is Parquet.',
  {
    PARQUET: 'Apache Parquet.',
    NDJSON: 'Lines of JSON objects: `.ndjson`, `.jsonl` or `.json`, with `.gz` behind it when compressed.',
    AVRO: 'Avro object container file: `.avro`.',
  },
);

@ObjectType('LakeFileGroup', { description: 'Files of a table that are of one format and alike.' })
export class LakeFileGroupType implements FileGroup {
  @Field(() => Int, { description: 'Files.' })
  files!: number;

  @Field(() => Number, { description: 'Their rows.' })
  rows!: number;

  @Field(() => Number, { description: 'Their bytes.' })
  bytes!: number;

  @Field(() => String, { description: 'How they are compressed.' })
  codec!: string;

  @Field(() => [LakeColumnType], { description: 'Their columns.' })
  columns!: readonly ProfiledColumn[];

  @Field(() => [String], {
    description:
      'Why operations would refuse them: rows that cannot be found by the keys, or not be rewritten exactly.',
  })
  refusals!: readonly string[];

  @Field(() => String, { description: 'Path of one of them below the table.' })
  example!: string;
}

@ObjectType('LakePartitions', { description: 'Partitions that were seen.' })
class LakePartitionsType {
  @Field(() => Int, { description: 'How many.' })
  count!: number;

  @Field(() => String, { nullable: true, description: 'The first by name; null when there is none.' })
  first!: string | null;

  @Field(() => String, { nullable: true, description: 'The last by name; null when there is none.' })
  last!: string | null;
}

@ObjectType('UnreadableFile', { description: 'A file that cannot be read.' })
class UnreadableFileType {
  @Field(() => String, { description: 'Path below the table.' })
  path!: string;

  @Field(() => String, { description: 'Why.' })
  reason!: string;
}

@ObjectType('LakeProfile', { description: 'What a directory holds, as its files tell.' })
class LakeProfileType implements TableProfile {
  @Field(() => Int, { description: 'Files.' })
  files!: number;

  @Field(() => Number, { description: 'Rows of files that can be read.' })
  rows!: number;

  @Field(() => Number, { description: 'Bytes of all files.' })
  bytes!: number;

  @Field(() => PartitioningEnum, { description: 'How folders say which rows they hold.' })
  partitioning!: Partitioning;

  @Field(() => LakePartitionsType, { description: 'Partitions that were seen.' })
  partitions!: TableProfile['partitions'];

  @Field(() => Int, { description: 'Files that lie in no folder of that partitioning. Operations act on them, too.' })
  strayFiles!: number;

  @Field(() => [LakeFileGroupType], { description: 'Files by what they are, at most 100 groups, the largest first.' })
  groups!: readonly FileGroup[];

  @Field(() => Int, { description: 'Files of groups beyond those.' })
  filesOfOtherGroups!: number;

  @Field(() => Int, { description: 'Files that cannot be read.' })
  unreadableFiles!: number;

  @Field(() => [UnreadableFileType], { description: 'The first 100 of them.' })
  unreadable!: TableProfile['unreadable'];

  @Field(() => [String], {
    description: 'The first 100 paths under names that lake tools skip. No operation looks into them.',
  })
  hidden!: readonly string[];

  @Field(() => [ColumnFactType], { description: 'Where columns and the newest version of the entity differ.' })
  columnFacts!: readonly ColumnFact[];
}

@ObjectType('LakeRegistration', {
  implements: NodeType,
  description: 'A directory of the lake that somebody wants as a table, and how far that has come.',
})
export class LakeRegistrationType
  extends NodeType
  implements Pick<LakeRegistration, 'location' | 'status' | 'dryRun' | 'filesDone' | 'filesTotal' | 'createdAt'>
{
  @Field(() => String, { description: 'Directory below the root of the lake.' })
  location!: string;

  @Field(() => LakeRegistrationStatusEnum, { description: 'How far it has come.' })
  status!: LakeRegistrationStatus;

  @Field(() => ErrorCodeEnum, { nullable: true, description: 'Why it was refused, for programs.' })
  code!: ErrorCode | null;

  @Field(() => String, { nullable: true, description: 'Why it was refused and how to mend it, for people.' })
  reason!: string | null;

  @Field(() => Boolean, { description: 'True when the files are only looked at.' })
  dryRun!: boolean;

  @Field(() => Int, { description: 'Files that were looked at so far.' })
  filesDone!: number;

  @Field(() => Int, { description: 'Files that were listed.' })
  filesTotal!: number;

  @Field(() => LakeProfileType, {
    nullable: true,
    description: 'What the directory holds; null until all was looked at.',
  })
  profile!: TableProfile | null;

  @Field(() => Instant, { description: 'When it was asked for.' })
  createdAt!: Date;

  @Field(() => Instant, { nullable: true, description: 'When it ended.' })
  finishedAt!: Date | null;
}

@InputType({ description: 'A directory of Parquet, NDJSON or Avro files to register as a lake table.' })
export class RegisterLakeTableInput extends RecordKeysInput {
  @Field(() => ID, { description: 'Entity of the records.' })
  entityId!: string;

  @Field(() => String, {
    description:
      'Directory below the root of the lake, e.g. `events/clicks`, or its `file:` or `s3:` URL under `LAKE_URL`.',
  })
  location!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Column with the date of a record, by which retention counts. Default none.',
  })
  dateField?: string;

  @Field(() => PartitioningEnum, {
    nullable: true,
    description: 'How folders say which rows they hold. Default: as most files have it.',
  })
  partitioning?: Partitioning;

  @Field(() => Boolean, { nullable: true, description: 'Only look at the files, and register nothing. Default false.' })
  dryRun?: boolean;

  @Field(() => Boolean, {
    nullable: true,
    description:
      'Register also when files cannot be read; each operation lists them as open. Default false: that is refused.',
  })
  acceptUnreadable?: boolean;
}

@ObjectType({ description: 'The registration, which goes on by itself; ask for it by `node`.' })
export class LakeRegistrationPayload extends MutationPayload {
  @Field(() => LakeRegistrationType, { nullable: true, description: 'The registration; null when refused at once.' })
  registration?: LakeRegistration | null;
}
