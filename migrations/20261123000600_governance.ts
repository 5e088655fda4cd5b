import { Migration } from '@mikro-orm/migrations';

/** Legal holds and the audit log. */
export class GovernanceMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table legal_hold (
        id text primary key,
        matter_id text not null,
        reason text not null,
        account_id text not null,
        subject_field text,
        subject_value text,
        placed_by text not null,
        placed_at timestamptz not null,
        released_by text,
        released_at timestamptz,
        check ((subject_field is null) = (subject_value is null)),
        check ((released_at is null) = (released_by is null))
      );
      create index on legal_hold (account_id) where released_at is null;

      create table audit_event (
        id text primary key,
        at timestamptz not null,
        actor_id text not null,
        actor_kind text not null,
        action text not null,
        resource_type text not null,
        resource_id text,
        outcome text not null check (outcome in ('SUCCESS', 'REFUSED', 'FAILED')),
        details jsonb not null default '{}',
        request_id text
      );
      create index on audit_event (resource_type, resource_id);
    `);
    this.addSql(`
      create function refuse_audit_change() returns trigger language plpgsql as $$
      begin
        raise exception 'audit events are never changed';
      end $$;
      create trigger audit_event_append_only before update or delete or truncate on audit_event
        for each statement execute function refuse_audit_change();
    `);
  }
}
