import { Migration } from '@mikro-orm/migrations';

/** The release of a legal hold may take two people: the first one asks, the second one releases. */
export class HoldReleaseMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table legal_hold
        add column release_requested_by text,
        add column release_requested_at timestamptz,
        add check ((release_requested_at is null) = (release_requested_by is null));
    `);
  }
}
