import { Migration } from '@mikro-orm/migrations';

/** What was seen of a topic that a rewrite has deleted. */
export class TopicPurgeMigration extends Migration {
  override up(): void {
    this.addSql('alter table topic_rewrite add column purge jsonb');
  }
}
