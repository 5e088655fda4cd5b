import { Migration } from '@mikro-orm/migrations';

/** Subjects that are still known in the clear are asked for by account, for each decryption and each release of a hold. */
export class IdentifiedSubjectsMigration extends Migration {
  override up(): void {
    this.addSql('create index on operation_subject (account_id) where account_id is not null;');
  }
}
