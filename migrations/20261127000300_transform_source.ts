import { Migration } from '@mikro-orm/migrations';

/** Tables and files that transformers read: which are sources of which, and which files have been taken. */
export class TransformSourceMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table transform_source (
        version_id text not null references transformer_version (id),
        source integer not null,
        dataset_id text not null references dataset (id),
        primary key (version_id, source)
      );
      create index on transform_source (dataset_id);
      create index on transformer_version (dataset_id);
      create table transform_file (
        version_id text not null references transformer_version (id),
        source integer not null,
        path text not null,
        bytes bigint not null,
        version text not null,
        primary key (version_id, source, path)
      );
    `);
  }
}
