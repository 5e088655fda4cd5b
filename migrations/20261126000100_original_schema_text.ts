import { Migration } from '@mikro-orm/migrations';

/** Texts of schemas as they were first registered, where that is not how the registry answers them. */
export class OriginalSchemaTextMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table schema_original (
        context text collate "C" not null,
        schema_id integer not null,
        text text not null,
        primary key (context, schema_id),
        foreign key (context, schema_id) references schema (context, id)
      );
    `);
  }
}
