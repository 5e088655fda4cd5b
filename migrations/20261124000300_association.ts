import { Migration } from '@mikro-orm/migrations';

/** Which subject describes the keys or values of a resource, as Confluent's associations have it. */
export class AssociationMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table association (
        id text primary key,
        context text collate "C" not null,
        subject text collate "C" not null,
        resource_id text collate "C" not null,
        resource_namespace text not null,
        resource_name text not null,
        resource_type text not null,
        association_type text not null,
        lifecycle text not null check (lifecycle in ('STRONG', 'WEAK')),
        frozen boolean not null,
        created_at timestamptz not null default now(),
        unique (resource_id, resource_type, association_type),
        foreign key (context, subject) references registry_subject (context, name)
      );
      create index on association (context, subject);
      create index on association (resource_namespace, resource_name);
    `);
  }
}
