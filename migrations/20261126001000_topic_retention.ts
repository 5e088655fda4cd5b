import { Migration } from '@mikro-orm/migrations';

/** How long the records of topics stay: policies, what is in force of them, and what was looked through for holds. */
export class TopicRetentionMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table topic_retention (
        id text primary key,
        dataset_id text not null unique references dataset (id),
        policy_version integer not null check (policy_version > 0),
        policy jsonb not null,
        in_force jsonb not null default '{}',
        approved_version integer,
        approved_by text,
        approved_at timestamptz,
        before_hold jsonb not null default '{}',
        outcome text not null default 'NOT_CHECKED' check (outcome in
          ('NOT_CHECKED', 'IN_FORCE', 'NEEDS_APPROVAL', 'HELD', 'REFUSED', 'TOPIC_GONE', 'REWRITING')),
        outcome_reason text,
        checked_at timestamptz,
        deviations jsonb not null default '[]',
        deviating_since timestamptz,
        last_changes jsonb not null default '[]',
        changed_at timestamptz,
        created_at timestamptz not null,
        updated_at timestamptz not null
      );

      create table topic_retention_version (
        retention_id text not null references topic_retention (id) on delete cascade,
        policy_version integer not null,
        policy jsonb not null,
        created_by text not null,
        created_at timestamptz not null,
        primary key (retention_id, policy_version)
      );

      create table topic_hold_look (
        dataset_id text not null references dataset (id),
        hold_id text not null references legal_hold (id),
        topic text not null,
        account_fields text[] not null,
        carries boolean not null,
        looked jsonb not null default '{}',
        through_at timestamptz,
        primary key (dataset_id, hold_id)
      );
    `);
  }
}
