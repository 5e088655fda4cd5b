import { Migration } from '@mikro-orm/migrations';

/**
 * A hash chain over the audit log and signed checkpoints of it. What is written goes to `audit_pending` in its own transaction;
 * one sealer at a time takes it from there, so that transactions that commit late are never passed over.
 */
export class AuditSealMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table audit_pending (event_id text primary key);

      create table audit_seal (
        seq bigint primary key check (seq > 0),
        event_id text not null unique,
        record text not null,
        prev text not null,
        hash text not null,
        sealed_at timestamptz not null
      );

      create table audit_checkpoint (
        number bigint primary key check (number > 0),
        seq bigint not null unique,
        body text not null,
        signature text not null,
        public_key text not null,
        made_at timestamptz not null,
        published_at timestamptz
      );
      create index on audit_checkpoint (number) where published_at is null;
      create index on audit_event (actor_id, id);
    `);
    this.addSql(`
      create function audit_event_is_pending() returns trigger language plpgsql as $$
      begin
        insert into audit_pending (event_id) select id from written;
        return null;
      end $$;
      create trigger audit_event_is_pending after insert on audit_event
        referencing new table as written for each statement execute function audit_event_is_pending();

      create trigger audit_seal_append_only before update or delete or truncate on audit_seal
        for each statement execute function refuse_audit_change();

      create function refuse_checkpoint_change() returns trigger language plpgsql as $$
      begin
        if tg_op = 'UPDATE' and old.published_at is null
          and (old.number, old.seq, old.body, old.signature, old.public_key, old.made_at)
            = (new.number, new.seq, new.body, new.signature, new.public_key, new.made_at) then
          return new;
        end if;
        raise exception 'audit checkpoints are never changed';
      end $$;
      create trigger audit_checkpoint_append_only before update or delete on audit_checkpoint
        for each row execute function refuse_checkpoint_change();
      create trigger audit_checkpoint_not_emptied before truncate on audit_checkpoint
        for each statement execute function refuse_audit_change();

      insert into audit_pending (event_id) select id from audit_event;
    `);
  }
}
