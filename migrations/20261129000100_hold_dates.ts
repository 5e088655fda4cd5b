import { Migration } from '@mikro-orm/migrations';

/** Holds on records of some dates. A process of before reads such a hold as one on all of them, which keeps more. */
export class HoldDatesMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table legal_hold
        add column dates_from timestamptz,
        add column dates_until timestamptz,
        add check (dates_from < dates_until);
    `);
  }
}
