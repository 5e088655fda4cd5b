import { Migration } from '@mikro-orm/migrations';

/**
 * Who is told of changes over HTTP, and how far each is. URL and secrets are sealed: the path of a URL often is a secret itself.
 * `sending_until` is the end of the batch under way, so that it is repeated as it was.
 */
export class WebhookMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table webhook (
        id text primary key,
        name text not null unique,
        origin text not null,
        types text[] check (cardinality(types) > 0),
        kek_id text not null,
        wrapped bytea not null,
        sealed bytea not null,
        state text not null check (state in ('ACTIVE', 'PAUSED')),
        paused_reason text check ((paused_reason is null) = (state = 'ACTIVE')),
        delivered_seq bigint not null,
        sending_until bigint check (sending_until > delivered_seq),
        attempts integer not null default 0,
        failing_since timestamptz,
        next_attempt_at timestamptz,
        last_attempt_at timestamptz,
        last_outcome text,
        last_status integer,
        last_delivered_at timestamptz,
        created_by text not null,
        created_at timestamptz not null
      );
    `);
  }
}
