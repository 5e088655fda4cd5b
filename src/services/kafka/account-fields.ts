import type { EntityManager } from '@mikro-orm/postgresql';

/** The fields that name an account in a topic: of each entity that is mapped to it. */
export async function accountFieldsOf(em: EntityManager, datasetId: string): Promise<readonly string[]> {
  const rows = await em
    .fork()
    .execute<{ account_field: string }[]>(
      `select distinct account_field from mapping where role = 'TOPIC' and dataset_id = ? order by account_field`,
      [datasetId],
    );
  return rows.map((row) => row.account_field);
}
