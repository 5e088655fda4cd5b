import { Migration } from '@mikro-orm/migrations';

/** Since when a stream is in its state, which processes run it, and what they have carried. */
export class StreamSteeringMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table stream add column state_since timestamptz;
      update stream set state_since = created_at;
      alter table stream alter column state_since set not null;

      create table stream_process (
        stream_id text not null references stream (id),
        process_id text not null,
        fault text,
        fault_since timestamptz,
        told_at timestamptz not null,
        primary key (stream_id, process_id),
        check ((fault is null) = (fault_since is null))
      );
      create table stream_total (
        stream_id text primary key references stream (id),
        passed bigint not null,
        set_aside bigint not null
      );
      create table stream_activity (
        stream_id text not null references stream (id),
        process_id text not null,
        slot timestamptz not null,
        records bigint not null,
        bytes bigint not null,
        primary key (stream_id, slot, process_id)
      );
      create index on stream_activity (slot);
    `);
  }
}
