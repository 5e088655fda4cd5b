import { Migration } from '@mikro-orm/migrations';

/** Erasures that wait for what keeps the data, and when they are looked at again. */
export class ErasureDeferralMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table erasure_deferral (
        operation_id text primary key references operation (id),
        by_hold boolean not null,
        by_minimum boolean not null,
        since timestamptz not null,
        until timestamptz,
        reopened integer not null default 0,
        ended_at timestamptz,
        check (by_hold or by_minimum or ended_at is not null)
      );
      create index on erasure_deferral (since) where ended_at is null;
    `);
  }
}
