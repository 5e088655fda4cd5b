import { Migration } from '@mikro-orm/migrations';

/** In whose name runs of transformers read, so that the right to is asked for at the time of each. */
export class TransformReaderMigration extends Migration {
  override up(): void {
    const actorOf = (id: string): string => `jsonb_build_object('id', ${id}, 'roles', '[]'::jsonb, 'kind',
      case when ${id} = 'local' then 'local' when starts_with(${id}, 'oidc:') then 'oidc' else 'token' end)`;
    // Who set a schedule is not known of before: it goes on in the name of who made what it runs.
    this.addSql(`
      alter table transformer add column schedule_owner jsonb;
      update transformer t set schedule_owner = (select ${actorOf('v.created_by')} from transformer_version v
        where v.transformer_id = t.id order by v.number desc limit 1) where schedule is not null;
      alter table transformer add constraint transformer_schedule_owner_check check ((schedule is null) = (schedule_owner is null));
      alter table transform_run add column reads_as jsonb;
      update transform_run r set reads_as = case when r.requested_by = 'transformer-schedule'
        then (select ${actorOf('v.created_by')} from transformer_version v where v.id = r.version_id)
        else ${actorOf('r.requested_by')} end;
      alter table transform_run alter column reads_as set not null;
    `);
  }
}
