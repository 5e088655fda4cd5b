import { Migration } from '@mikro-orm/migrations';

/** The broker's id of the topic that was looked through: one that is made again under its name is another one. */
export class TopicHoldLookIdMigration extends Migration {
  override up(): void {
    this.addSql('alter table topic_hold_look add column topic_id text');
  }
}
