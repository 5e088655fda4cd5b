import { Migration } from '@mikro-orm/migrations';

/**
 * Holds by a question instead of by a name. `subjects` stands in the place of subject_field and subject_value, which are not
 * written any more: a process of before reads a new hold on persons as one on their whole account, which keeps more.
 */
export class HoldScopeMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table legal_hold
        alter column account_id drop not null,
        add column subjects jsonb not null default '[]' check (jsonb_typeof(subjects) = 'array'),
        add column dataset_ids text[] check (cardinality(dataset_ids) > 0),
        add column namespaces text[] check (cardinality(namespaces) > 0),
        add column entity_ids text[] check (cardinality(entity_ids) > 0),
        add column classifications text[] check (cardinality(classifications) > 0),
        add column lineage_downstream boolean not null default false,
        add column confidential boolean not null default false;
      update legal_hold set subjects = jsonb_build_array(jsonb_build_object('field', subject_field, 'value', subject_value))
        where subject_field is not null;
      alter table legal_hold
        add check (account_id is not null or dataset_ids is not null or namespaces is not null or entity_ids is not null
          or classifications is not null),
        add check (account_id is not null or subjects = '[]');
    `);
  }
}
