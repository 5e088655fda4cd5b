import { Migration } from '@mikro-orm/migrations';

/** What is known of contents of lake files whose format has no place to say it; by the content, whichever file has it. */
export class ContentMarksMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table lake_content_mark (
        sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
        name text not null,
        value text not null,
        created_at timestamptz not null,
        primary key (sha256, name)
      );
    `);
  }
}
