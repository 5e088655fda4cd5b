import { Migration } from '@mikro-orm/migrations';

/** Operations with their subjects, targets, certificates, and the leases that workers hold. */
export class OperationsMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table operation (
        id text primary key,
        kind text not null,
        status text not null,
        status_reason text,
        reason text,
        dry_run boolean not null default false,
        idempotency_key text unique,
        input_digest text not null,
        entity_id text references entity (id),
        plan jsonb,
        plan_hash text,
        round integer not null default 1,
        attempt integer not null default 0,
        requested_by text not null,
        approved_by text,
        created_at timestamptz not null,
        planned_at timestamptz,
        approved_at timestamptz,
        finished_at timestamptz,
        updated_at timestamptz not null
      );
      create index on operation (created_at desc, id desc);
      create index on operation (status) where status in ('REQUESTED', 'PLANNING', 'APPROVED', 'EXECUTING', 'VERIFYING');

      create table operation_subject (
        id text primary key,
        operation_id text not null references operation (id),
        account_id text,
        subject_field text,
        subject_value text,
        digest text not null,
        held boolean not null default false,
        unique (operation_id, digest)
      );
      create index on operation_subject (digest);

      create table operation_target (
        id text primary key,
        operation_id text not null references operation (id),
        dataset_id text not null references dataset (id),
        role text not null,
        round integer not null,
        sequence integer not null,
        account_field text not null,
        subject_fields text[] not null,
        status text not null,
        status_reason text,
        attempt integer not null default 0,
        fencing_token bigint not null default 0,
        estimate jsonb not null,
        progress jsonb,
        receipt jsonb,
        verification jsonb,
        updated_at timestamptz not null,
        unique (operation_id, round, dataset_id)
      );

      create table certificate (
        id text primary key,
        operation_id text not null references operation (id),
        round integer not null,
        body text not null,
        signature text not null,
        public_key text not null,
        issued_at timestamptz not null,
        unique (operation_id, round)
      );

      create table lease (
        resource text primary key,
        holder text not null,
        fencing_token bigint not null,
        expires_at timestamptz not null,
        heartbeat_at timestamptz not null
      );
    `);
    // Subscribers in every process learn of a change in the moment it commits.
    this.addSql(`
      create function notify_operation() returns trigger language plpgsql as $$
      begin
        -- As JSON, because PL/pgSQL would resolve the columns of both tables.
        perform pg_notify('operation_updated', coalesce(to_jsonb(new) ->> 'operation_id', new.id));
        return null;
      end $$;
      create trigger operation_notify after insert or update on operation
        for each row execute function notify_operation();
      create trigger operation_target_notify after insert or update on operation_target
        for each row execute function notify_operation();
    `);
  }
}
