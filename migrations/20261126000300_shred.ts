import { Migration } from '@mikro-orm/migrations';

/** Destruction of keys as an operation: several approvals, a time to think, and the replay of its ledger. */
export class ShredMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table operation
        add column approvals_needed integer not null default 1 check (approvals_needed between 1 and 10),
        add column execute_after timestamptz;
      create table operation_approval (
        operation_id text not null references operation (id),
        round integer not null,
        actor_id text not null,
        approved_at timestamptz not null,
        primary key (operation_id, round, actor_id)
      );

      alter table account_key add column destroyed_by text;
      create index account_key_destroyed_by on account_key (destroyed_by) where destroyed_by is not null;

      create table shred_ledger_position (
        ledger text primary key,
        bytes bigint not null
      );
    `);
  }
}
