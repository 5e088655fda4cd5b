import { Migration } from '@mikro-orm/migrations';

/**
 * Who must approve what, who stands in for whom, and until when a plan waits. Plans that wait already have 30 more days. What was
 * approved before keeps counting by the name of its actor: its roles are not known, so they satisfy no policy that asks for some.
 */
export class ApprovalPolicyMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table approval_policy (
        name text primary key,
        kinds text[] check (cardinality(kinds) > 0),
        classifications text[] check (cardinality(classifications) > 0),
        over_targets bigint check (over_targets >= 0),
        over_subjects bigint check (over_subjects >= 0),
        over_records bigint check (over_records >= 0),
        over_bytes bigint check (over_bytes >= 0),
        approvals integer not null check (approvals in (1, 2)),
        roles text[] check (cardinality(roles) > 0),
        by_requester boolean not null,
        set_by text not null,
        set_at timestamptz not null
      );
      create table approval_delegation (
        id text primary key,
        from_actor text not null,
        from_kind text not null,
        from_roles text[] not null,
        to_actor text not null check (to_actor <> from_actor),
        reason text not null,
        starts_at timestamptz not null,
        ends_at timestamptz not null check (ends_at > starts_at),
        revoked_at timestamptz,
        revoked_by text,
        check ((revoked_at is null) = (revoked_by is null))
      );
      create index on approval_delegation (from_actor, to_actor) where revoked_at is null;

      alter table operation_approval
        add column roles text[] not null default '{}',
        add column on_behalf_of text check (on_behalf_of <> actor_id);
      alter table operation add column approval_expires_at timestamptz;
      update operation set approval_expires_at = now() + interval '30 days' where status = 'PLANNED' and not dry_run;
      create index on operation (approval_expires_at) where status = 'PLANNED';
    `);
  }
}
