import { setTimeout as sleep } from 'node:timers/promises';
import { Migrator } from '@mikro-orm/migrations';
import { type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { Client } from 'pg';
import { CatalogMigration } from '../../../migrations/20261123000100_catalog.ts';
import { OperationsMigration } from '../../../migrations/20261123000200_operations.ts';
import { AccountKeyMigration } from '../../../migrations/20261123000300_account_key.ts';
import { StreamsMigration } from '../../../migrations/20261123000400_streams.ts';
import { LakeMigration } from '../../../migrations/20261123000500_lake.ts';
import { GovernanceMigration } from '../../../migrations/20261123000600_governance.ts';
import { SchemaRegistryMigration } from '../../../migrations/20261124000100_schema_registry.ts';
import { EntityDescriptionMigration } from '../../../migrations/20261124000200_entity_description.ts';
import { AssociationMigration } from '../../../migrations/20261124000300_association.ts';
import { OriginalSchemaTextMigration } from '../../../migrations/20261126000100_original_schema_text.ts';
import { PrivacyMigration } from '../../../migrations/20261126000150_privacy.ts';
import { SchemaIdSequenceMigration } from '../../../migrations/20261126000200_schema_id_sequence.ts';
import { ShredMigration } from '../../../migrations/20261126000300_shred.ts';
import { SearchOnReadMigration } from '../../../migrations/20261126000400_search_on_read.ts';
import { RegistrationLocksMigration } from '../../../migrations/20261126000410_registration_locks.ts';
import { TransformationMigration } from '../../../migrations/20261126000500_transformation.ts';
import { RecursiveFieldsMigration } from '../../../migrations/20261126000600_recursive_fields.ts';
import { TopicRewriteMigration } from '../../../migrations/20261126000700_topic_rewrite.ts';
import { ErasureIntakeMigration } from '../../../migrations/20261126000800_erasure_intake.ts';
import { SelectiveIndexColumnsMigration } from '../../../migrations/20261126000850_selective_index_columns.ts';
import { KeyVersionDestructionMigration } from '../../../migrations/20261126000900_key_version_destruction.ts';
import { TopicRetentionMigration } from '../../../migrations/20261126001000_topic_retention.ts';
import { TopicMigration } from '../../../migrations/20261126001100_topic.ts';
import { StreamSteeringMigration } from '../../../migrations/20261126001200_stream_steering.ts';
import { ProduceGateMigration } from '../../../migrations/20261126001300_produce_gate.ts';
import { LakeRegistrationMigration } from '../../../migrations/20261126001400_lake_registration.ts';
import { LakeRetentionMigration } from '../../../migrations/20261126001500_lake_retention.ts';
import { LineageMigration } from '../../../migrations/20261126001600_lineage.ts';
import { TopicIdsAndStreamRunsMigration } from '../../../migrations/20261126001700_topic_ids_and_stream_runs.ts';
import { LakeIndexMigration } from '../../../migrations/20261126001800_lake_index.ts';
import { LineageGraphMigration } from '../../../migrations/20261126001900_lineage_graph.ts';
import { LineageFoldingMigration } from '../../../migrations/20261126001910_lineage_folding.ts';
import { AuditSealMigration } from '../../../migrations/20261126002000_audit_seal.ts';
import { ApiTokenMigration } from '../../../migrations/20261126002100_api_token.ts';
import { HoldReleaseMigration } from '../../../migrations/20261126002200_hold_release.ts';
import { TopicPurgeMigration } from '../../../migrations/20261126002300_topic_purge.ts';
import { ContentMarksMigration } from '../../../migrations/20261126002320_content_marks.ts';
import { UrgentOperationMigration } from '../../../migrations/20261126002330_urgent_operation.ts';
import { MinimumRetentionMigration } from '../../../migrations/20261126002340_minimum_retention.ts';
import { ErasureDeferralMigration } from '../../../migrations/20261126002350_erasure_deferral.ts';
import { IdentifiedSubjectsMigration } from '../../../migrations/20261126002360_identified_subjects.ts';
import { TransformerMigration } from '../../../migrations/20261126002400_transformer.ts';
import { TransformRunMigration } from '../../../migrations/20261126002410_transform_run.ts';
import { TransformedTableMigration } from '../../../migrations/20261126002420_transformed_table.ts';
import { DatasetDescriptionMigration } from '../../../migrations/20261126002500_dataset_description.ts';
import { ChangeFeedMigration } from '../../../migrations/20261126002530_change_feed.ts';
import { WebhookMigration } from '../../../migrations/20261126002540_webhook.ts';
import { AccessPolicyMigration } from '../../../migrations/20261127000100_access_policy.ts';
import { HoldScopeMigration } from '../../../migrations/20261127000200_hold_scope.ts';
import { ApprovalPolicyMigration } from '../../../migrations/20261127000210_approval_policy.ts';
import { TransformSourceMigration } from '../../../migrations/20261127000300_transform_source.ts';
import { TransformScheduleMigration } from '../../../migrations/20261127000310_transform_schedule.ts';
import { LakeReadMigration } from '../../../migrations/20261127000400_lake_read.ts';
import { DescriptionAsOfMigration } from '../../../migrations/20261127000600_description_as_of.ts';
import { RowLevelSecurityMigration } from '../../../migrations/20261127000800_row_level_security.ts';
import { MinimumByScopeMigration } from '../../../migrations/20261127000900_minimum_by_scope.ts';
import { RetentionPolicyMigration } from '../../../migrations/20261128000200_retention_policy.ts';
import { TopicRetentionApprovalMigration } from '../../../migrations/20261128000300_topic_retention_approval.ts';
import { HoldDatesMigration } from '../../../migrations/20261129000100_hold_dates.ts';
import { OidcLoginMigration } from '../../../migrations/20261129000200_oidc_login.ts';
import { PlacedRetentionMigration } from '../../../migrations/20261129000210_placed_retention.ts';
import { TransformReaderMigration } from '../../../migrations/20261129000300_transform_reader.ts';
import { SearchOfAllMigration } from '../../../migrations/20261129000400_search_of_all.ts';
import { ValueChangeMigration } from '../../../migrations/20261129000500_value_change.ts';
import { DatasetsOfJobsMigration } from '../../../migrations/20261129000600_datasets_of_jobs.ts';
import { SegmentsAnewMigration } from '../../../migrations/20261130000100_segments_anew.ts';
import { AccountKeySchema } from '../../entities/account-key.entity.ts';
import { ApiTokenSchema } from '../../entities/api-token.entity.ts';
import { ApprovalDelegationSchema, ApprovalPolicySchema } from '../../entities/approval.entity.ts';
import { AuditEventSchema } from '../../entities/audit-event.entity.ts';
import { CertificateSchema } from '../../entities/certificate.entity.ts';
import { DatasetSchema, MappingSchema } from '../../entities/dataset.entity.ts';
import { EntityAliasSchema, EntitySchema } from '../../entities/entity.entity.ts';
import { EntityFieldSchema, EntityVersionSchema } from '../../entities/entity-version.entity.ts';
import { LakeRegistrationSchema } from '../../entities/lake-registration.entity.ts';
import { LakeRetentionSchema } from '../../entities/lake-retention.entity.ts';
import { LakeFileSchema, LakeIndexSchema, LakeTableSchema } from '../../entities/lake-table.entity.ts';
import { LegalHoldSchema } from '../../entities/legal-hold.entity.ts';
import { LineageEdgeSchema } from '../../entities/lineage-edge.entity.ts';
import { MinimumRetentionSchema } from '../../entities/minimum-retention.entity.ts';
import { OperationSchema, OperationSubjectSchema, OperationTargetSchema } from '../../entities/operation.entity.ts';
import { OperationFileSchema } from '../../entities/operation-file.entity.ts';
import { ProtectionPolicySchema } from '../../entities/protection-policy.entity.ts';
import { RetentionPolicySchema } from '../../entities/retention-policy.entity.ts';
import { StreamPositionSchema, StreamSchema } from '../../entities/stream.entity.ts';
import { TopicSchema } from '../../entities/topic.entity.ts';
import { TopicRetentionSchema } from '../../entities/topic-retention.entity.ts';
import { TopicRewriteSchema } from '../../entities/topic-rewrite.entity.ts';
import { TransformRunSchema } from '../../entities/transform-run.entity.ts';
import { TransformerSchema, TransformerVersionSchema } from '../../entities/transformer.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { answersPool, connectionsMax, lookThrough, type Reading } from './reading.ts';

const entities = [
  AccountKeySchema,
  ApiTokenSchema,
  ApprovalDelegationSchema,
  ApprovalPolicySchema,
  AuditEventSchema,
  CertificateSchema,
  DatasetSchema,
  EntityAliasSchema,
  EntityFieldSchema,
  EntitySchema,
  EntityVersionSchema,
  LakeFileSchema,
  LakeIndexSchema,
  LakeRegistrationSchema,
  LakeRetentionSchema,
  LakeTableSchema,
  LegalHoldSchema,
  LineageEdgeSchema,
  MappingSchema,
  MinimumRetentionSchema,
  OperationFileSchema,
  OperationSchema,
  OperationSubjectSchema,
  OperationTargetSchema,
  ProtectionPolicySchema,
  RetentionPolicySchema,
  StreamPositionSchema,
  StreamSchema,
  TopicSchema,
  TopicRetentionSchema,
  TopicRewriteSchema,
  TransformerSchema,
  TransformerVersionSchema,
  TransformRunSchema,
];

/** Explicit, so that a bundle or a compiled tree runs the same list in the same order. */
const migrationsList = [
  { name: '20261123000100_catalog', class: CatalogMigration },
  { name: '20261123000200_operations', class: OperationsMigration },
  { name: '20261123000300_account_key', class: AccountKeyMigration },
  { name: '20261123000400_streams', class: StreamsMigration },
  { name: '20261123000500_lake', class: LakeMigration },
  { name: '20261123000600_governance', class: GovernanceMigration },
  { name: '20261124000100_schema_registry', class: SchemaRegistryMigration },
  { name: '20261124000200_entity_description', class: EntityDescriptionMigration },
  { name: '20261124000300_association', class: AssociationMigration },
  { name: '20261126000100_original_schema_text', class: OriginalSchemaTextMigration },
  { name: '20261126000150_privacy', class: PrivacyMigration },
  { name: '20261126000200_schema_id_sequence', class: SchemaIdSequenceMigration },
  { name: '20261126000300_shred', class: ShredMigration },
  { name: '20261126000400_search_on_read', class: SearchOnReadMigration },
  { name: '20261126000410_registration_locks', class: RegistrationLocksMigration },
  { name: '20261126000500_transformation', class: TransformationMigration },
  { name: '20261126000600_recursive_fields', class: RecursiveFieldsMigration },
  { name: '20261126000700_topic_rewrite', class: TopicRewriteMigration },
  { name: '20261126000800_erasure_intake', class: ErasureIntakeMigration },
  { name: '20261126000850_selective_index_columns', class: SelectiveIndexColumnsMigration },
  { name: '20261126000900_key_version_destruction', class: KeyVersionDestructionMigration },
  { name: '20261126001000_topic_retention', class: TopicRetentionMigration },
  { name: '20261126001100_topic', class: TopicMigration },
  { name: '20261126001200_stream_steering', class: StreamSteeringMigration },
  { name: '20261126001300_produce_gate', class: ProduceGateMigration },
  { name: '20261126001400_lake_registration', class: LakeRegistrationMigration },
  { name: '20261126001500_lake_retention', class: LakeRetentionMigration },
  { name: '20261126001600_lineage', class: LineageMigration },
  { name: '20261126001700_topic_ids_and_stream_runs', class: TopicIdsAndStreamRunsMigration },
  { name: '20261126001800_lake_index', class: LakeIndexMigration },
  { name: '20261126001900_lineage_graph', class: LineageGraphMigration },
  { name: '20261126001910_lineage_folding', class: LineageFoldingMigration },
  { name: '20261126002000_audit_seal', class: AuditSealMigration },
  { name: '20261126002100_api_token', class: ApiTokenMigration },
  { name: '20261126002200_hold_release', class: HoldReleaseMigration },
  { name: '20261126002300_topic_purge', class: TopicPurgeMigration },
  { name: '20261126002320_content_marks', class: ContentMarksMigration },
  { name: '20261126002330_urgent_operation', class: UrgentOperationMigration },
  { name: '20261126002340_minimum_retention', class: MinimumRetentionMigration },
  { name: '20261126002350_erasure_deferral', class: ErasureDeferralMigration },
  { name: '20261126002360_identified_subjects', class: IdentifiedSubjectsMigration },
  { name: '20261126002400_transformer', class: TransformerMigration },
  { name: '20261126002410_transform_run', class: TransformRunMigration },
  { name: '20261126002420_transformed_table', class: TransformedTableMigration },
  { name: '20261126002500_dataset_description', class: DatasetDescriptionMigration },
  { name: '20261126002530_change_feed', class: ChangeFeedMigration },
  { name: '20261126002540_webhook', class: WebhookMigration },
  { name: '20261127000100_access_policy', class: AccessPolicyMigration },
  { name: '20261127000200_hold_scope', class: HoldScopeMigration },
  { name: '20261127000210_approval_policy', class: ApprovalPolicyMigration },
  { name: '20261127000300_transform_source', class: TransformSourceMigration },
  { name: '20261127000310_transform_schedule', class: TransformScheduleMigration },
  { name: '20261127000400_lake_read', class: LakeReadMigration },
  { name: '20261127000600_description_as_of', class: DescriptionAsOfMigration },
  { name: '20261127000800_row_level_security', class: RowLevelSecurityMigration },
  { name: '20261127000900_minimum_by_scope', class: MinimumByScopeMigration },
  { name: '20261128000200_retention_policy', class: RetentionPolicyMigration },
  { name: '20261128000300_topic_retention_approval', class: TopicRetentionApprovalMigration },
  { name: '20261129000100_hold_dates', class: HoldDatesMigration },
  { name: '20261129000200_oidc_login', class: OidcLoginMigration },
  { name: '20261129000210_placed_retention', class: PlacedRetentionMigration },
  { name: '20261129000300_transform_reader', class: TransformReaderMigration },
  { name: '20261129000400_search_of_all', class: SearchOfAllMigration },
  { name: '20261129000500_value_change', class: ValueChangeMigration },
  { name: '20261129000600_datasets_of_jobs', class: DatasetsOfJobsMigration },
  { name: '20261130000100_segments_anew', class: SegmentsAnewMigration },
];

/** In the order in which they run. */
export const migrationNames: readonly string[] = migrationsList.map(({ name }) => name);

const closeTimeoutMs = 5_000;

// Any constant: all processes that migrate this product's database must agree on it.
const migrationLockKey = 0x6c_69_6e_65;

/** The database as services see it. */
export interface Database {
  readonly em: EntityManager;
  /** Runs pending migrations, one process at a time; answers their names. */
  migrate(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Opens a pool on `url` without touching the schema, and with `reading` another for answers. */
export async function openDatabase(url: string, reading?: Reading): Promise<Database> {
  const orm = await MikroORM.init({
    entities,
    clientUrl: url,
    extensions: [Migrator],
    migrations: { migrationsList, tableName: 'schema_migration', snapshot: false, transactional: true },
    pool: { min: 0, max: connectionsMax.work },
    ...(reading === undefined ? {} : { replicas: [answersPool(reading)], preferReadReplicas: false }),
    debug: false,
    logger: () => {},
  });
  if (reading !== undefined)
    lookThrough({ work: orm.em.getConnection('write'), answers: orm.em.getConnection('read') }, reading);
  return {
    em: orm.em,
    migrate: () =>
      underMigrationLock(url, async () => {
        const done = await orm.migrator.up();
        return done.map((migration) => migration.name);
      }),
    // The pool waits for connections in use; one that was cut off while in use may never come back.
    close: async () => {
      await Promise.race([orm.close(true), sleep(closeTimeoutMs, undefined, { ref: false })]);
    },
  };
}

/**
 * Runs `work` while no other process migrates.
 * @throws LinewardError DATABASE_UNAVAILABLE.
 */
export async function underMigrationLock<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select pg_advisory_lock($1)', [migrationLockKey]);
  } catch (cause) {
    throw new LinewardError('DATABASE_UNAVAILABLE', 'The database does not accept a connection. Check DATABASE_URL.', {
      path: ['DATABASE_URL'],
      cause,
    });
  }
  try {
    return await work(client);
  } finally {
    // Ending the session gives the lock back.
    await client.end();
  }
}
