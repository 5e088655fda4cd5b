import type { EntityManager } from '@mikro-orm/postgresql';
import type { Hold } from '../../domain/kafka/hold-look.ts';

/** Legal holds that are in force. */
export async function activeHolds(em: EntityManager): Promise<readonly Hold[]> {
  const rows = await em
    .fork()
    .execute<{ id: string; account_id: string; subject_field: string | null; subject_value: string | null }[]>(
      'select id, account_id, subject_field, subject_value from legal_hold where released_at is null order by id',
    );
  return rows.map(({ id, account_id: accountId, subject_field: field, subject_value: value }) => ({
    id,
    selector: { accountId, ...(field === null || value === null ? {} : { subject: { field, value } }) },
  }));
}

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
