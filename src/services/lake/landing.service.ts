import { randomUUID } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { newId } from '../../domain/id.ts';
import { columnFault } from '../../domain/lake/lake-column.ts';
import { landedName, landedOffset } from '../../domain/lake/landed-file.ts';
import { partitionOf } from '../../domain/lake/table-location.ts';
import { type LakeTable, LakeTableSchema } from '../../entities/lake-table.entity.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import { textArray } from '../sql.ts';
import type { LakeEngine, LakeStore } from './ports.ts';
import type { KeyColumns, SubjectIndex } from './subject-index.ts';
import type { TableColumns } from './table-columns.ts';

export interface LandedRecord {
  /** Decimal text. */
  readonly offset: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** One batch of one source partition, in offset order. */
export interface LandBatch extends KeyColumns {
  readonly streamId: string;
  readonly tableId: string;
  readonly topic: string;
  readonly partition: number;
  /** Empty: only the position moves on. */
  readonly records: readonly LandedRecord[];
  /** Where the next batch goes on; after the last record. Decimal text. */
  readonly nextOffset: string;
}

interface StagedFile {
  readonly staged: string;
  readonly path: string;
  readonly rows: number;
}

export interface LandingDeps {
  readonly em: EntityManager;
  readonly store: LakeStore;
  readonly engine: LakeEngine;
  readonly index: SubjectIndex;
  readonly columns: Pick<TableColumns, 'widen'>;
}

/**
 * Lands the records of a stream in a lake table, exactly once: files get their names, their rows in the registry and
 * the stream its position under one lock, so that a second consumer of the partition can neither land records twice nor
 * remove files that are about to be registered.
 */
export class LandingService {
  readonly #deps: LandingDeps;
  /** Partitions whose leftovers of a crash this process has removed. */
  readonly #cleaned = new Set<string>();

  constructor(deps: LandingDeps) {
    this.#deps = deps;
  }

  /** First offset that has not landed, or null if the stream has not landed anything of the partition. */
  positionOf(streamId: string, partition: number): Promise<string | null> {
    return positionIn(this.#deps.em.fork(), { streamId, partition });
  }

  /** Field whose date says in which folder of the table a record lands. */
  async dateFieldOf(tableId: string): Promise<string> {
    return dateFieldOf(await this.#deps.em.fork().findOneOrFail(LakeTableSchema, { id: tableId }));
  }

  /**
   * Lands one batch. LEASE_LOST if another consumer moved the position; VALUE_INVALID if records do not fit the table's
   * columns: then nothing of the batch lands, and `details.misfits` names each by offset and column.
   */
  async land(batch: LandBatch): Promise<void> {
    const range = rangeOf(batch);
    const table = await this.#fittingTable(batch);
    const key = JSON.stringify([batch.streamId, batch.partition]);
    if (!this.#cleaned.has(key)) await this.#clean(table, batch);
    // Until this batch is in, files of it may lie about.
    this.#cleaned.delete(key);
    const position = await this.positionOf(batch.streamId, batch.partition);
    assertContinues(position, range.first);
    const files = await this.#stage(table, batch);
    await this.#commit(table, { batch, files, position });
    this.#cleaned.add(key);
    const paths = files.map(({ path }) => path);
    if (paths.length > 0) await this.#deps.index.refresh(table, paths, batch);
  }

  /** A field without a column would be lost without a word; it may come from a version newer than the table. */
  async #fittingTable(batch: LandBatch): Promise<LakeTable> {
    let table = await this.#deps.em.fork().findOne(LakeTableSchema, { id: batch.tableId });
    if (table === null) throw new LinewardError('NOT_FOUND', 'tableId: there is no such lake table');
    let misfits = misfitsIn(table, batch.records);
    if (misfits.length > 0) {
      table = await this.#deps.columns.widen(table.id);
      misfits = misfitsIn(table, batch.records);
    }
    const [first] = misfits;
    if (first === undefined) return table;
    throw new LinewardError(
      'VALUE_INVALID',
      `The record at offset ${first.offset} does not fit the lake table ${table.location}: ${first.column} ${first.fault}.`,
      { details: { misfits } },
    );
  }

  /** Removes what a crash left: staged batches, and published files that were never registered. */
  async #clean(table: LakeTable, batch: LandBatch): Promise<void> {
    const { em, store } = this.#deps;
    await em.fork().transactional(async (tx) => {
      await lock(tx, batch);
      const position = BigInt((await positionIn(tx, batch)) ?? 0);
      const folder = stagingFolder(table);
      for (const name of await store.names(folder)) {
        if (landedOffset(name, batch) !== null) await store.remove(`${folder}/${name}`);
      }
      const listed = await store.list(table.location);
      const ours = listed.filter(({ path }) => {
        const offset = landedOffset(path.slice(path.lastIndexOf('/') + 1), batch);
        return offset !== null && offset >= position;
      });
      const registered = await registeredIn(
        tx,
        table,
        ours.map(({ path }) => path),
      );
      for (const file of ours) if (!registered.has(file.path)) await store.removeIf(file);
    });
  }

  async #stage(table: LakeTable, batch: LandBatch): Promise<readonly StagedFile[]> {
    const { first, last } = rangeOf(batch);
    const dateField = dateFieldOf(table);
    const name = landedName({ ...batch, firstOffset: first, lastOffset: last });
    const files: StagedFile[] = [];
    for (const [day, records] of Map.groupBy(batch.records, ({ value }) => partitionOf(value[dateField]))) {
      const staged = `${stagingFolder(table)}/${name}.${randomUUID()}.staged`;
      const rows = records.map(({ value }) => value);
      await this.#write({ path: this.#deps.store.stagingPath(staged), columns: table.columns, rows });
      files.push({ staged, path: `${table.location}/${day}/${name}.parquet`, rows: records.length });
    }
    return files;
  }

  async #write(request: Parameters<LakeEngine['write']>[0]): Promise<void> {
    try {
      await this.#deps.engine.write(request);
    } catch (error) {
      // A successor has taken us for dead and removed what we were writing.
      throw toLinewardError(error).code === 'LAKE_FILE_CHANGED' ? takenOver() : error;
    }
  }

  async #commit(
    table: LakeTable,
    landing: { batch: LandBatch; files: readonly StagedFile[]; position: string | null },
  ): Promise<void> {
    const { batch, files, position } = landing;
    await this.#deps.em.fork().transactional(async (tx) => {
      await lock(tx, batch);
      if ((await positionIn(tx, batch)) !== position || (await isReplaced(tx, batch))) throw takenOver();
      const published: Record<string, unknown>[] = [];
      for (const { staged, path, rows } of files) {
        // A successor has taken us for dead and cleaned up after us.
        if ((await this.#deps.store.stat(staged)) === null) throw takenOver();
        published.push({ id: newId(), ...(await this.#deps.store.publish(staged, path)), rows });
      }
      await tx.execute(
        `insert into lake_file (id, table_id, path, bytes, version, rows, created_at, updated_at)
         select f.id, ?, f.path, f.bytes, f.version, f.rows, now(), now()
         from jsonb_to_recordset(?::jsonb) as f(id text, path text, bytes bigint, version text, rows bigint)`,
        [table.id, JSON.stringify(published)],
      );
      await tx.execute(
        `insert into stream_position (stream_id, partition, next_offset, updated_at) values (?, ?, ?::bigint, now())
         on conflict (stream_id, partition) do update
           set next_offset = excluded.next_offset, updated_at = excluded.updated_at`,
        [batch.streamId, batch.partition, batch.nextOffset],
      );
    });
  }
}

function dateFieldOf({ dateField, location }: LakeTable): string {
  if (dateField != null) return dateField;
  throw new LinewardError('INTERNAL', `the lake table ${location} has no date field, and no landing`);
}

const stagingFolder = (table: LakeTable): string => `${table.location}/_landing`;

type Partition = Pick<LandBatch, 'streamId' | 'partition'>;

async function lock(tx: EntityManager, { streamId, partition }: Partition): Promise<void> {
  await tx.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`landing:${streamId}:${partition}`]);
}

async function positionIn(em: EntityManager, { streamId, partition }: Partition): Promise<string | null> {
  const [row] = await em.execute<{ next_offset: string }[]>(
    'select next_offset::text as next_offset from stream_position where stream_id = ? and partition = ?',
    [streamId, partition],
  );
  return row?.next_offset ?? null;
}

/** True when the batch was read from a generation of its topic that another has replaced: its offsets mean nothing now. */
async function isReplaced(tx: EntityManager, { streamId, topic }: LandBatch): Promise<boolean> {
  // A switch waits for landings that have come so far, and a landing for a switch.
  await tx.execute('select 1 from dataset where id = (select source_dataset_id from stream where id = ?) for share', [
    streamId,
  ]);
  const replaced = await tx.execute<unknown[]>(
    `select 1 from topic_alias join stream on stream.source_dataset_id = topic_alias.dataset_id
     where stream.id = ? and topic_alias.name = ?`,
    [streamId, topic],
  );
  return replaced.length > 0;
}

async function registeredIn(tx: EntityManager, table: LakeTable, paths: readonly string[]): Promise<Set<string>> {
  const rows = await tx.execute<{ path: string }[]>(
    'select path from lake_file where table_id = ? and path = any(?::text[])',
    [table.id, textArray(paths)],
  );
  return new Set(rows.map(({ path }) => path));
}

/** First and last offset of the batch; BAD_INPUT unless its offsets rise and end before `nextOffset`. */
function rangeOf({ records, nextOffset }: LandBatch): { readonly first: bigint; readonly last: bigint } {
  const offsets = [...records.map(({ offset }) => offset), nextOffset].map(offsetOf);
  const rises = offsets.every((offset, index) => index === 0 || offset > (offsets[index - 1] ?? offset));
  const [first, last] = [offsets[0], offsets.at(-2) ?? offsets[0]];
  if (first !== undefined && last !== undefined && rises) return { first, last };
  throw new LinewardError('BAD_INPUT', 'records: offsets must rise and end before nextOffset', { path: ['records'] });
}

function offsetOf(text: string): bigint {
  if (/^\d{1,19}$/u.test(text)) return BigInt(text);
  throw new LinewardError('BAD_INPUT', 'offset: must be a whole number of at most 19 digits', { path: ['offset'] });
}

function assertContinues(position: string | null, first: bigint): void {
  if (position !== null && BigInt(position) > first) throw takenOver();
}

function takenOver(): LinewardError {
  return new LinewardError('LEASE_LOST', 'Another consumer has landed records of this partition; go on from its end.');
}

export interface Misfit {
  /** Of the record; decimal text. */
  readonly offset: string;
  readonly column: string;
  /** Completes a sentence that begins with the column. */
  readonly fault: string;
}

/** Records that do not fit the columns, each with the first field at fault. */
function misfitsIn(table: LakeTable, records: readonly LandedRecord[]): readonly Misfit[] {
  const types = new Map(table.columns.map(({ name, type }) => [name, type]));
  return records.flatMap(({ offset, value }) => {
    for (const column of Object.keys(value)) {
      const type = types.get(column);
      const fault = type === undefined ? noColumn : columnFault(type, value[column]);
      if (fault !== null) return [{ offset, column, fault }];
    }
    return [];
  });
}

const noColumn = 'has no column there; register the field in a version of the entity';

/** The misfits that a refused landing named; none for another error. */
export function misfitsOf(error: unknown): readonly Misfit[] {
  const isMisfit = error instanceof LinewardError && error.code === 'VALUE_INVALID';
  return isMisfit && Array.isArray(error.details.misfits) ? (error.details.misfits as Misfit[]) : [];
}
