import type { EntityManager } from '@mikro-orm/postgresql';
import { newId } from '../../../src/domain/id.ts';
import type { Row } from '../../testkit/transform.ts';
import type { RunParts } from '../../testkit/transform-runs.ts';

export const message = (n: number, batch: number, more: Row = {}): Row => ({
  message_id: `M${n}`,
  account_sid: `AC${n % 2}`,
  date_created: `2018-06-0${1 + ((n + batch) % 3)}T10:00:00Z`,
  date_updated: `2018-07-0${batch}`,
  to: `+${n}`,
  segments: 1,
  ...more,
});

/** The table as plain JavaScript computes it: the row of the last batch, and how often it came. */
export function expectedTable(rows: readonly Row[]): Record<string, Row[]> {
  const kept = new Map<string, Row>();
  for (const row of rows.toSorted((a, b) => (String(a.date_updated) < String(b.date_updated) ? -1 : 1))) {
    const segments = Number(kept.get(String(row.message_id))?.segments ?? 0) + Number(row.segments);
    kept.set(String(row.message_id), {
      ...row,
      date_created: String(row.date_created).replace('Z', '.000000Z'),
      segments,
    });
  }
  const sorted = [...kept].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  return Object.fromEntries(
    [...Map.groupBy(sorted, (row) => String(row.date_created).slice(0, 10).replaceAll('-', '/'))].sort(),
  );
}

export async function leaseOf(parts: RunParts, datasetId: string) {
  // A killed worker keeps its lease for a while.
  for (;;) {
    const lease = await parts.leases.acquire(`dataset:${datasetId}`);
    if (lease !== null) return lease;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** An erasure that was approved now, as operations leave it: nobody is named any more. */
export async function erased(
  em: EntityManager,
  selector: object,
  { notary }: RunParts,
  of: { readonly entityId: string; readonly status?: string },
): Promise<void> {
  const id = newId();
  await em.fork().transactional(async (run) => {
    // Nobody listens here, so the rows need not be announced.
    await run.execute("set local session_replication_role = 'replica'");
    await run.execute(
      `insert into operation (id, kind, status, entity_id, input_digest, requested_by, created_at, approved_at, updated_at)
       values (?, 'ERASURE', ?, ?, '', 'tester', now(), now(), now())`,
      [id, of.status ?? 'COMPLETED', of.entityId],
    );
    await run.execute('insert into operation_subject (id, operation_id, digest, held) values (?, ?, ?, false)', [
      newId(),
      id,
      notary.digest(selector),
    ]);
  });
}
