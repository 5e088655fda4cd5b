import { Migration } from '@mikro-orm/migrations';

/** What the newest login that was seen of somebody said they are: who stands in for them is no more than that. */
export class OidcLoginMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table oidc_login (
        actor text primary key,
        roles text[] not null,
        issued_at timestamptz not null,
        seen_at timestamptz not null
      );
      alter table oidc_login enable row level security;
    `);
  }
}
