import { Migration } from '@mikro-orm/migrations';

/** Semantic types defined here, policies by classification with parameters, keys of subjects, use of keys and quotas. */
export class PrivacyMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table semantic_type (
        name text primary key,
        version integer not null check (version > 0),
        definition jsonb not null,
        created_at timestamptz not null,
        updated_at timestamptz not null
      );
      create table semantic_type_version (
        name text not null references semantic_type (name),
        version integer not null,
        definition jsonb not null,
        created_by text not null,
        created_at timestamptz not null,
        primary key (name, version)
      );

      alter table protection_policy
        add column classification text not null default '',
        add column params jsonb not null default '{}',
        drop constraint protection_policy_scope_scope_name_semantic_type_key,
        drop constraint protection_policy_action_check,
        add check (action in ('REMOVE', 'ENCRYPT', 'TOKENIZE', 'REDACT', 'NONE')),
        add check ((semantic_type = '') <> (classification = '')),
        add unique (scope, scope_name, semantic_type, classification);

      alter table account_key
        add column scope text not null default '',
        add column enc_count bigint not null default 0,
        add column canary text,
        add column wrapped_at timestamptz,
        add column activated_at timestamptz,
        add column retired_at timestamptz,
        add column destroyed_at timestamptz,
        drop constraint account_key_account_id_version_key,
        drop constraint account_key_state_check,
        add check (state in ('PRE_ACTIVE', 'ACTIVE', 'RETIRED', 'DESTROYED')),
        add unique (account_id, scope, version);
      drop index account_key_one_active;
      create unique index account_key_one_active on account_key (account_id, scope) where state = 'ACTIVE';
      update account_key set activated_at = created_at, wrapped_at = created_at;
      create index account_key_by_wrapping on account_key (wrapped_at, id) where state <> 'DESTROYED';

      create table crypto_usage (
        actor_id text not null,
        account_id text not null,
        verb text not null check (verb in ('SEAL', 'OPEN', 'REDACT')),
        minute bigint not null,
        used bigint not null,
        primary key (actor_id, account_id, verb)
      );
    `);
  }
}
