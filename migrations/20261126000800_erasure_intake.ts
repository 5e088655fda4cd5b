import { Migration } from '@mikro-orm/migrations';

/** Subjects of erasures that are still being sent. */
export class ErasureIntakeMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table erasure_intake (
        key text not null,
        digest text not null,
        id text not null,
        account_id text not null,
        subject_field text,
        subject_value text,
        taken_at timestamptz not null,
        primary key (key, digest)
      );
      create index erasure_intake_taken_at on erasure_intake (taken_at);
    `);
  }
}
