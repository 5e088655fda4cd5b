import { Migration } from '@mikro-orm/migrations';

/** Data keys of accounts. The wrapped bytes go with the key: a DESTROYED row keeps none. */
export class AccountKeyMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table account_key (
        id text primary key,
        account_id text not null,
        version integer not null check (version > 0),
        state text not null check (state in ('ACTIVE', 'RETIRED', 'DESTROYED')),
        wrapped bytea,
        kek_id text not null,
        created_at timestamptz not null,
        unique (account_id, version),
        check ((state = 'DESTROYED') = (wrapped is null))
      );
      create unique index account_key_one_active on account_key (account_id) where state = 'ACTIVE';
    `);
  }
}
