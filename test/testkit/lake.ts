import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { EntityManager } from '@mikro-orm/postgresql';
import { LocalNotary } from '../../src/adapters/keys/local/local-notary.ts';
import { DuckdbEngine } from '../../src/adapters/lake/duckdb/duckdb-engine.ts';
import { LocalLakeStore } from '../../src/adapters/store/local/local-store.ts';
import type { Selection } from '../../src/domain/governance/selection.ts';
import { newId } from '../../src/domain/id.ts';
import type { LakeColumn } from '../../src/domain/lake/lake-column.ts';
import type { RetentionLimit } from '../../src/domain/lake/retention.ts';
import type { TargetEstimate, TargetPlace } from '../../src/domain/operations/target.ts';
import { type LakeTable, LakeTableSchema } from '../../src/entities/lake-table.entity.ts';
import { LakeTableExecutor } from '../../src/services/lake/lake-table.executor.ts';
import { LakeTableService } from '../../src/services/lake/lake-table.service.ts';
import { LandingService } from '../../src/services/lake/landing.service.ts';
import type { LakeEngine, LakeStore } from '../../src/services/lake/ports.ts';
import { RetentionService } from '../../src/services/lake/retention.service.ts';
import { SubjectIndex } from '../../src/services/lake/subject-index.ts';
import { TableColumns } from '../../src/services/lake/table-columns.ts';
import type { TableTransformation } from '../../src/services/lake/table-transformation.ts';
import type { ExecutionContext, Notary } from '../../src/services/operations/ports.ts';
import { RegistryReadModel } from '../../src/services/registry/registry.read-model.ts';
import { SearchEntries } from '../../src/services/registry/search-entries.ts';
import { quietLogger } from './actor.ts';
import { erasureWork } from './erasure-work.ts';

export const messageColumns: readonly LakeColumn[] = [
  { name: 'sid', type: 'VARCHAR' },
  { name: 'account_sid', type: 'VARCHAR' },
  { name: 'date_created', type: 'VARCHAR' },
  { name: 'to', type: 'VARCHAR' },
  { name: 'tags', type: 'JSON' },
];

export const messageKeys = { accountField: 'account_sid', subjectFields: ['to'] } as const;

/** The lake's services on a directory, with real parts; `wrap` puts something between them and the ports. */
export interface LakeParts {
  readonly em: EntityManager;
  readonly root: string;
  readonly store: LakeStore;
  readonly engine: LakeEngine;
  readonly index: SubjectIndex;
  readonly landing: LandingService;
  readonly executor: LakeTableExecutor;
  /** Where a file of the lake is on the disk. */
  localPath(path: string): string;
}

export interface PortWraps {
  store?(store: LakeStore): LakeStore;
  engine?(engine: LakeEngine): LakeEngine;
  now?(): Date;
}

/** A port whose calls pass `around`, which decides whether and when the call itself is made. */
export function around<T extends object>(port: T, hook: (verb: string, call: () => unknown) => unknown): T {
  return new Proxy(port, {
    get(target, verb) {
      const member: unknown = Reflect.get(target, verb, target);
      // Only calls that answer a promise can be held up.
      if (typeof member !== 'function') return member;
      if (verb === 'stagingPath' || verb === 'close') return member.bind(target);
      return (...args: unknown[]) => hook(String(verb), () => member.apply(target, args));
    },
  });
}

/** The index of each table has a secret of its own. Here it is one, so that what two tables are left with can be compared to the byte. */
function likeForTables(notary: Notary): Notary {
  return {
    publicKey: notary.publicKey,
    sign: (text) => notary.sign(text),
    digest: (value) => notary.digest(String(value).startsWith('subject index ') ? 'subject index' : value),
  };
}

export async function lakeParts(em: EntityManager, root: string, wraps: PortWraps = {}): Promise<LakeParts> {
  await mkdir(join(root, 'lake'), { recursive: true });
  const localStore = new LocalLakeStore({ root: join(root, 'lake') });
  const duckdb = new DuckdbEngine({ memoryLimitMb: 256, threads: 2, timeoutMs: 60_000, tempDir: join(root, 'tmp') });
  const store = wraps.store?.(localStore) ?? localStore;
  const engine = wraps.engine?.(duckdb) ?? duckdb;
  const notary = likeForTables(await LocalNotary.open(join(root, 'keys')));
  const index = new SubjectIndex({ em, store, engine, notary, logger: quietLogger });
  const columns = new TableColumns({
    em,
    registry: new RegistryReadModel({ em, searchEntries: new SearchEntries({ em }) }),
  });
  const landing = new LandingService({ em, store, engine, index, columns });
  const retention = new RetentionService({ em });
  const executor = new LakeTableExecutor({
    em,
    store,
    engine,
    index,
    notary,
    transformations,
    retention,
    now: wraps.now ?? (() => new Date()),
  });
  return { em, root, store, engine, index, landing, executor, localPath: (path) => join(root, 'lake', path) };
}

/**
 * Puts a `!` behind each value of `to`: not to be done twice, so that a second time would be seen. The mark that it leaves
 * in whole files is not what keeps it from that: files with rows under a hold have none.
 */
const shouting: TableTransformation = {
  mark: 'shout',
  isOnceOnly: false,
  gapsOf: () => [],
  of: ({ metadata, columns }) => {
    const form = columns.find(({ name }) => name === 'to')?.form;
    const shout = (text: string): string => (form === 'JSON' ? JSON.stringify(`${JSON.parse(text)}!`) : `${text}!`);
    return metadata.shouted === 'yes'
      ? null
      : {
          columns: ['to'],
          keyColumns: ['account_sid'],
          metadata: { shouted: 'yes' },
          transform: async ({ to = [] }) => ({ to: to.map((text) => (text === null ? null : shout(text))) }),
        };
  },
};
const transformations = { PROTECTION: async () => shouting, REWRAP: async () => shouting };

/** A table of messages with an HTTP intake in front of it. */
export interface MessageTable {
  readonly table: LakeTable;
  readonly streamId: string;
}

export async function messageTable({ em, store }: LakeParts): Promise<MessageTable> {
  const entityName = `Demo.T${newId().replaceAll('-', '')}`;
  const table = await em.fork().transactional((tx) =>
    new LakeTableService({ store }).ensureTableIn(tx, {
      namespace: 'file',
      area: 'demo',
      entityName,
      version: { major: 1, minor: 0 },
      dateField: 'date_created',
      columns: messageColumns,
    }),
  );
  const [entityId, intakeId, streamId] = [newId(), newId(), newId()];
  const run = em.fork();
  await run.execute(
    `insert into entity (id, namespace, name, catalog_namespace, created_at, updated_at) values (?, 'Demo', ?, 'c', now(), now())`,
    [entityId, entityName],
  );
  await run.execute(`insert into dataset (id, namespace, name, created_at) values (?, 'lineward', ?, now())`, [
    intakeId,
    `intake/${entityName}`,
  ]);
  await run.execute(
    `insert into stream (id, kind, entity_id, source_dataset_id, target_dataset_id, state, state_since, created_at)
     values (?, 'LANDING', ?, ?, ?, 'RUNNING', now(), now())`,
    [streamId, entityId, intakeId, table.datasetId],
  );
  return { table, streamId };
}

export interface Message {
  readonly account: string;
  readonly to: string | null;
  readonly day: string;
}

/** Lands messages as one batch that begins at `first`. */
export async function landMessages(
  { landing }: Pick<LakeParts, 'landing'>,
  { table, streamId }: MessageTable,
  messages: readonly Message[],
  first = 0,
): Promise<void> {
  const records = messages.map(({ account, to, day }, index) => ({
    offset: String(first + index),
    value: {
      sid: `SM${first + index}`,
      account_sid: account,
      date_created: `${day}T10:00:00Z`,
      to,
      tags: { n: index, of: [account] },
    },
  }));
  await landing.land({
    streamId,
    tableId: table.id,
    topic: 'messages',
    partition: 0,
    records,
    nextOffset: String(first + messages.length),
    ...messageKeys,
  });
}

/** An operation with one target on the table, as the operations core would have made it. */
export async function erasureTarget(
  em: EntityManager,
  table: LakeTable,
): Promise<{ operationId: string; targetId: string }> {
  const [operationId, targetId] = [newId(), newId()];
  await em.fork().transactional(async (run) => {
    // Nobody listens here, so the rows need not be announced.
    await run.execute("set local session_replication_role = 'replica'");
    await run.execute(
      `insert into operation (id, kind, status, input_digest, requested_by, created_at, updated_at)
       values (?, 'ERASURE', 'EXECUTING', '', 'tester', now(), now())`,
      [operationId],
    );
    await run.execute(
      `insert into operation_target (id, operation_id, dataset_id, role, round, sequence, account_field, subject_fields,
                                     status, estimate, updated_at)
       values (?, ?, ?, 'LAKE_TABLE', 1, 0, ?, ?::text[], 'EXECUTING', '{}', now())`,
      [targetId, operationId, table.datasetId, messageKeys.accountField, `{${messageKeys.subjectFields.join(',')}}`],
    );
  });
  return { operationId, targetId };
}

export interface ErasureRun {
  readonly table: LakeTable;
  readonly operationId: string;
  readonly targetId: string;
  readonly selection: Selection | (() => Selection);
  /** Changes values instead of erasing records. */
  readonly transforms?: boolean;
  /** Removes what is older than that instead of what is selected. */
  readonly limit?: RetentionLimit;
  /** Operations whose records go in the same pass. */
  readonly companions?: readonly {
    readonly targetId: string;
    readonly selection: Selection | (() => Selection | Promise<Selection>);
  }[];
  readonly giveWay?: () => Promise<void>;
  readonly fencingToken?: number;
  readonly signal?: AbortSignal;
}

function placeOf(table: LakeTable, targetId: string): TargetPlace {
  return {
    targetId,
    datasetId: table.datasetId,
    namespace: 'file',
    name: table.location,
    role: 'LAKE_TABLE',
    ...messageKeys,
  };
}

/** What an erasure would do in a table. */
export const planOf = (parts: LakeParts, table: LakeTable, selection: Selection): Promise<TargetEstimate> =>
  parts.executor.plan(placeOf(table, ''), selection, erasureWork.work);

const shoutingWork = {
  work: { kind: 'PROTECTION', entityId: null },
  planned: { ...erasureWork.planned, manifest: [{ transformation: shouting.mark }] },
} as const;

const retentionWork = (limit: RetentionLimit) =>
  ({
    work: { kind: 'RETENTION', entityId: null },
    planned: { ...erasureWork.planned, manifest: [{ transformation: { retention: limit } }] },
  }) as const;

/** Gives a table a retention rule by its date field. */
export async function retain(em: EntityManager, table: LakeTable, days: number): Promise<void> {
  await em.fork().execute(
    `insert into lake_retention (table_id, dataset_id, date_field, days, action, auto_approve, set_by, set_at)
     values (?, ?, ?, ?, 'DELETE', false, 'tester', now())`,
    [table.id, table.datasetId, table.dateField, days],
  );
}

/** What the rule of a table would remove. */
export const retentionPlanOf = (parts: LakeParts, table: LakeTable, selection: Selection): Promise<TargetEstimate> =>
  parts.executor.plan(placeOf(table, ''), selection, { kind: 'RETENTION', entityId: null });

export function executionContext(run: ErasureRun): ExecutionContext {
  const { selection, signal = new AbortController().signal } = run;
  return {
    operationId: run.operationId,
    ...erasureWork,
    ...(run.transforms === true ? shoutingWork : {}),
    ...(run.limit === undefined ? {} : retentionWork(run.limit)),
    place: placeOf(run.table, run.targetId),
    lease: {
      resource: `dataset:${run.table.datasetId}`,
      fencingToken: run.fencingToken ?? 1,
      assertHeld: async () => signal.throwIfAborted(),
    },
    signal,
    selectionNow: async () => (typeof selection === 'function' ? selection() : selection),
    giveWay: async () => run.giveWay?.(),
    companions: async () =>
      (run.companions ?? []).map(({ targetId, selection: asked }) => ({
        targetId,
        selectionNow: async () => (typeof asked === 'function' ? asked() : asked),
      })),
    requested: async () => ({ ...(await (typeof selection === 'function' ? selection() : selection)), keep: [] }),
    report: async () => undefined,
  };
}

export const tableNamed = (em: EntityManager, id: string): Promise<LakeTable> =>
  em.fork().findOneOrFail(LakeTableSchema, { id });

/** The rows of each data file, in their order, as JSON texts; by the path in the table. */
export async function tableContent(
  { store }: LakeParts,
  table: LakeTable,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const content: Record<string, readonly string[]> = {};
  for (const { path } of await store.list(table.location)) {
    const rows = await store.reading([path], ([local = '']) =>
      connection.runAndReadAll(
        `SELECT CAST(to_json(t) AS VARCHAR) FROM read_parquet('${local}', hive_partitioning = false) t`,
      ),
    );
    content[path.slice(table.location.length + 1)] = rows.getRows().map(([row]) => String(row));
  }
  connection.closeSync();
  return content;
}

export const bytesOf = (parts: LakeParts, path: string): Promise<Buffer> => readFile(parts.localPath(path));
