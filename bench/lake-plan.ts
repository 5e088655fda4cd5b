import type { DuckDBConnection } from '@duckdb/node-api';
import { indexed } from '../test/testkit/foreign-table.ts';
import { type LakeParts, messageTable, planOf } from '../test/testkit/lake.ts';
import { type BenchCase, flag, plainCase } from './harness.ts';
import type { LakeCost } from './lake-cost.ts';
import { generateTable, personsOf } from './lake-data.ts';
import { narrowingCases } from './lake-narrowing.ts';

/** Planning over as many day-partitions as nine years have, without an index and with it. */
export async function planCases(
  parts: LakeParts,
  connection: DuckDBConnection,
  cost: LakeCost,
): Promise<readonly BenchCase[]> {
  const [days, megabytes] = [flag('plan-days', 3_285), flag('plan-mb', 200)];
  if (days === 0) return [];
  const { table } = await messageTable(parts);
  const files = await generateTable(connection, parts.localPath(table.location), { megabytes, days });
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const persons = Math.ceil(rows / 10);
  const counts = [1, 1_000];
  const act = personsOf(1_000, persons);
  const cases: BenchCase[] = [];
  const plan = async (count: number, how: string): Promise<number> => {
    const [start, wall] = [cost.coreSeconds(), performance.now()];
    const { files: planned, records } = await planOf(parts, table, { act: act.slice(0, count), keep: [] });
    const seconds = (performance.now() - wall) / 1_000;
    cases.push(
      plainCase(`plan: ${days} days, ${count} subject(s), ${how}`, cost.coreSeconds() - start, 'core-s'),
      plainCase(`plan: the same by the clock (${planned} files)`, seconds, 's'),
    );
    return records;
  };
  const scanned = await plan(1_000, 'no index');
  const start = cost.coreSeconds();
  await indexed(parts, table);
  cases.push(plainCase('plan: index of one day built', (1_000 * (cost.coreSeconds() - start)) / days, 'core-ms'));
  for (const count of counts) {
    const records = await plan(count, 'by the index');
    if (count === 1_000 && records !== scanned) throw new Error(`${records} rows by the index, ${scanned} without`);
  }
  return [...cases, ...(await narrowingCases(connection, files, { act, counts }))];
}
