import { Migration } from '@mikro-orm/migrations';

/**
 * Minimums of all datasets that a scope names, beside those of one dataset. A process of before does not know them: end such
 * processes before one is set.
 */
export class MinimumByScopeMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table minimum_retention
        alter column dataset_id drop not null,
        add column dataset_ids text[] check (cardinality(dataset_ids) > 0),
        add column namespaces text[] check (cardinality(namespaces) > 0),
        add column entity_ids text[] check (cardinality(entity_ids) > 0),
        add column classifications text[] check (cardinality(classifications) > 0),
        add column lineage_downstream boolean not null default false;
      alter table minimum_retention
        add check ((dataset_id is null) = (num_nonnulls(dataset_ids, namespaces, entity_ids, classifications) > 0)),
        add check (dataset_id is null or not lineage_downstream),
        add check (dataset_id is not null or date_field is null);
      create unique index minimum_retention_of_scope on minimum_retention (name) where dataset_id is null;
    `);
  }
}
