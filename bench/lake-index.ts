import type { EntityManager } from '@mikro-orm/postgresql';
import type { LakeTable } from '../src/entities/lake-table.entity.ts';
import { searchFiles } from '../src/services/lake/file-search.ts';
import { indexed, summaryOf } from '../test/testkit/foreign-table.ts';
import { type LakeParts, messageKeys } from '../test/testkit/lake.ts';
import { type BenchCase, plainCase } from './harness.ts';
import type { Subjects } from './lake-references.ts';

export interface IndexBench {
  readonly em: EntityManager;
  readonly parts: LakeParts;
  readonly table: LakeTable;
  readonly act: Subjects;
  readonly counts: Iterable<number>;
  readonly rows: number;
  readonly bytes: number;
  readonly coreSeconds: () => number;
}

/** What the subject index costs and spares; the table is without one before and after. */
export async function indexCases(bench: IndexBench): Promise<readonly BenchCase[]> {
  const { em, parts, table, act, rows, bytes, coreSeconds } = bench;
  const cases: BenchCase[] = [];
  const add = (name: string, value: number, unit: string): void => {
    cases.push(plainCase(name, value, unit));
  };
  const start = coreSeconds();
  await indexed(parts, table);
  add('index: build', rows / 1e6 / (coreSeconds() - start), 'M rows/core-s');
  const { indexBytes, indexedFiles, files } = await summaryOf(parts, table);
  if (indexedFiles !== files) throw new Error(`${files - indexedFiles} file(s) were not indexed`);
  add('index: size', (100 * indexBytes) / bytes, '% of data');
  const listed = await parts.store.list(table.location);
  for (const count of bench.counts) {
    const selectors = act.slice(0, count);
    const probed = coreSeconds();
    const free = await parts.index.withoutMatch(table, listed, { ...messageKeys, selectors });
    const found = coreSeconds();
    await searchFiles(parts, listed, { table, place: messageKeys, selection: { act: selectors, keep: [] } });
    const end = coreSeconds();
    add(`index: probe for ${count} subjects`, found - probed, 'core-s');
    add(`index: files ruled out for ${count} subjects`, (100 * free.size) / listed.length, '%');
    add(`find ${count} subjects by the index`, rows / 1e6 / (end - found), 'M rows/core-s');
  }
  const known = await em.fork().execute<{ id: string }[]>('select id from lake_file where table_id = ?', [table.id]);
  for (const { id } of known) await parts.index.purge(table, id);
  await em.fork().execute('delete from lake_file where table_id = ?', [table.id]);
  return cases;
}
