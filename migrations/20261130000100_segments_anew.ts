import { Migration } from '@mikro-orm/migrations';

/** Segments are made under a shorter secret: those of before say nothing any more, and their files are scanned until the next round. */
export class SegmentsAnewMigration extends Migration {
  override up(): void {
    this.addSql('update lake_file set indexed_version = null, segment_bytes = null');
  }
}
