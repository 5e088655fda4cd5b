import { Migration } from '@mikro-orm/migrations';

/**
 * The broker's id of the topic that was looked through for holds: one that is made again under its name is another one. And
 * what streams have told of their runs: `untold` is an event that lineage has not taken yet.
 */
export class TopicIdsAndStreamRunsMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table topic_hold_look add column topic_id text;

      create table stream_run (
        stream_id text primary key references stream (id),
        run_id text not null,
        source_told text not null,
        target_told text not null,
        said text not null,
        said_at timestamptz not null,
        ended_at timestamptz,
        untold text
      );
    `);
  }
}
