import { Migration } from '@mikro-orm/migrations';

/** What the produce API does with records of a topic before Kafka sees them. */
export class ProduceGateMigration extends Migration {
  override up(): void {
    this.addSql('alter table mapping add column protect_on_produce boolean not null default false');
  }
}
