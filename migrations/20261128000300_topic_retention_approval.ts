import { Migration } from '@mikro-orm/migrations';

/** Who approved a plan by which records of a topic go sooner, until there are as many as approval policies ask for. */
export class TopicRetentionApprovalMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table topic_retention_approval (
        retention_id text not null references topic_retention (id) on delete cascade,
        plan_hash text not null,
        actor_id text not null,
        roles text[] not null,
        approved_at timestamptz not null,
        primary key (retention_id, plan_hash, actor_id)
      );
    `);
  }
}
