import { Migration } from '@mikro-orm/migrations';

/** Lists of jobs ask what each reads and writes: each looked through all that all jobs do. */
export class DatasetsOfJobsMigration extends Migration {
  override up(): void {
    this.addSql('create index on lineage_job_io (job_id, side)');
  }
}
