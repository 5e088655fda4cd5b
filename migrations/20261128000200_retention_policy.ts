import { Migration } from '@mikro-orm/migrations';

/**
 * Retention of all lake tables that a scope names. What was asked for on a day is known by the keys of operations, so that
 * policies need no row for each table. A process of before asks by a column that goes with this: end such processes before.
 */
export class RetentionPolicyMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table retention_policy (
        id text primary key,
        name text not null unique,
        version integer not null,
        days integer not null check (days between 1 and 36500),
        auto_approve boolean not null,
        dataset_ids text[] check (cardinality(dataset_ids) > 0),
        namespaces text[] check (cardinality(namespaces) > 0),
        entity_ids text[] check (cardinality(entity_ids) > 0),
        classifications text[] check (cardinality(classifications) > 0),
        lineage_downstream boolean not null,
        narrowness integer not null,
        set_by text not null,
        set_at timestamptz not null,
        retired_by text,
        retired_at timestamptz,
        check (num_nonnulls(dataset_ids, namespaces, entity_ids, classifications) > 0),
        check ((retired_by is null) = (retired_at is null))
      );
      create table retention_policy_version (
        policy_id text not null references retention_policy (id),
        version integer not null,
        days integer not null,
        auto_approve boolean not null,
        scope jsonb not null,
        set_by text not null,
        set_at timestamptz not null,
        primary key (policy_id, version)
      );
      alter table lake_retention drop column requested_on;
    `);
  }
}
