import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { LakeTable } from '../../../src/entities/lake-table.entity.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import type { Sent } from '../../testkit/foreign-table.ts';
import { around, erasureTarget, executionContext, type LakeParts, lakeParts, planOf } from '../../testkit/lake.ts';

type Hook = (verb: string, call: () => unknown) => unknown;
export const asIs: Hook = (_verb, call) => call();

/** A lake whose store and engine are watched; of this test file alone. */
export interface WatchedLake {
  readonly db: TestDatabase;
  readonly root: string;
  readonly parts: LakeParts;
  hook: Hook;
  /** Verbs of store and engine that were called. */
  calls: string[];
  /** Data files that were searched by their own columns. */
  scanned: string[];
  local(table: LakeTable, name: string): string;
  segmentsOf(table: LakeTable): Promise<readonly string[]>;
  /** Matches by name of the file, as a plan tells them, and how many files were read for it. */
  planned(table: LakeTable, selection: Selection): ReturnType<typeof planned>;
  erased(table: LakeTable, selection: Selection): ReturnType<typeof erased>;
  close(): Promise<void>;
}

export async function watchedLake(): Promise<WatchedLake> {
  const db = await testDatabase();
  const root = await mkdtemp(join(tmpdir(), 'lineward-foreign-index-'));
  const seen: Pick<WatchedLake, 'hook' | 'calls' | 'scanned'> = { hook: asIs, calls: [], scanned: [] };
  const passed: Hook = (verb, call) => {
    lake.calls.push(verb);
    return lake.hook(verb, call);
  };
  const parts = await lakeParts(db.em, root, {
    store: (store) => around(store, passed),
    engine: (engine) => {
      const hooked = around(engine, passed);
      return Object.assign(Object.create(hooked), {
        find: (request: Parameters<typeof engine.find>[0]) => {
          lake.scanned.push(...request.files);
          return hooked.find(request);
        },
      });
    },
  });
  const lake: WatchedLake = Object.assign(seen, {
    db,
    root,
    parts,
    local: (table: LakeTable, name: string) => parts.localPath(`${table.location}/${name}`),
    segmentsOf: (table: LakeTable) => parts.store.names(`_lineward/index/${table.id}`),
    planned: (table: LakeTable, selection: Selection) => planned(lake, table, selection),
    erased: (table: LakeTable, selection: Selection) => erased(lake, table, selection),
    close: async () => {
      await parts.engine.close();
      await db.close();
      await rm(root, { recursive: true, force: true });
    },
  });
  return lake;
}

async function planned(lake: WatchedLake, table: LakeTable, selection: Selection) {
  lake.scanned = [];
  const { manifest, gaps } = await planOf(lake.parts, table, selection);
  const found = manifest.map(({ path, matches }) => [String(path).slice(table.location.length + 1), matches]);
  return { found: Object.fromEntries(found) as Record<string, number>, scans: lake.scanned.length, gaps };
}

async function erased({ db, parts }: WatchedLake, table: LakeTable, selection: Selection) {
  const target = await erasureTarget(db.em, table);
  const context = executionContext({ table, ...target, selection });
  const receipt = await parts.executor.execute(context);
  const verification = await parts.executor.verify(executionContext({ table, ...target, selection, fencingToken: 2 }));
  return { receipt, verification };
}

export const byAccount = (account: string): Selection => ({ act: [{ accountId: account }], keep: [] });

export const one = (account: string, to = '+1'): readonly Sent[] => [{ account, to }];
