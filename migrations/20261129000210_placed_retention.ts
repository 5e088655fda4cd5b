import { Migration } from '@mikro-orm/migrations';

/** Retentions of topics that policies have placed, and what a topic had before: it gets that back where it keeps longer. */
export class PlacedRetentionMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table topic_retention
        add column placed_by text references retention_policy (name),
        add column before_placing jsonb,
        add check ((placed_by is null) = (before_placing is null));
      create index topic_retention_placed on topic_retention (placed_by) where placed_by is not null;
    `);
  }
}
