import type { EntityManager } from '@mikro-orm/postgresql';
import { type ColumnFact, columnFacts } from '../../domain/lake/column-fit.ts';
import { isDataName } from '../../domain/lake/data-name.ts';
import { formatOf, namesTableFile } from '../../domain/lake/file-format.ts';
import { readLocation } from '../../domain/lake/lake-location.ts';
import { isPartitionFolder, type Partitioning, partitioningOfPath } from '../../domain/lake/partitioning.ts';
import { type StandardName, standardNameOf } from '../../domain/lake/table-location.ts';
import type { ProfiledColumn } from '../../domain/lake/table-profile.ts';
import type { Entity } from '../../entities/entity.entity.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import { engineAt, mayMark } from './foreign-table.ts';
import type { FolderContent } from './ports.ts';
import { isTopLevel } from './table-columns.ts';
import type { SurveyDeps } from './table-survey.ts';

/** A directory that looks like a table and is none of ours. */
export interface DiscoveredTable {
  readonly location: string;
  /** The table engine that owns it, which then has to be asked; null for plain files. */
  readonly engine: string | null;
  readonly partitioning: Partitioning;
  readonly files: number;
  readonly bytes: number;
  /** False when there are more files than were counted. */
  readonly counted: boolean;
  /** Path below the table of the file that columns, codec and refusals are of. */
  readonly example: string | null;
  readonly codec: string | null;
  readonly columns: readonly ProfiledColumn[];
  readonly refusals: readonly string[];
  readonly standardName: StandardName | null;
  /** The entity of that name. */
  readonly entity: Entity | null;
  readonly columnFacts: readonly ColumnFact[];
}

export interface LakeDiscovery {
  readonly tables: readonly DiscoveredTable[];
  /** False when the walk ended at a limit, or passed a folder that cannot be read. */
  readonly complete: boolean;
  readonly foldersSeen: number;
  readonly registeredTables: number;
  /** Directories of registered tables that no entity is mapped to. */
  readonly unmapped: readonly string[];
}

export interface DiscoveryDeps extends SurveyDeps {
  readonly em: EntityManager;
  readonly registry: Pick<RegistryReadModel, 'entityOfFullName' | 'latestVersion'>;
}

const foldersMost = 5_000;
const tablesMax = 200;
const unmappedMax = 1_000;
const entriesPerFolder = 1_000;
const foldersPerTable = 200;
/** Larger files that would have to be read whole are not looked into: somebody waits for the answer. */
const exampleBytesMax = 64 * 1024 * 1024;

const passable: readonly ErrorCode[] = ['BAD_INPUT', 'LAKE_TABLE_REFUSED'];

interface Walk {
  readonly known: ReadonlySet<string>;
  readonly tables: DiscoveredTable[];
  left: number;
  complete: boolean;
}

type Found = Pick<DiscoveredTable, 'location' | 'engine'> & { readonly example: string | null };

/** Finds directories of table files in the lake that are not registered. Changes nothing, and looks at a bounded part. */
export class TableDiscovery {
  readonly #deps: DiscoveryDeps;

  constructor(deps: DiscoveryDeps) {
    this.#deps = deps;
  }

  /** @throws LinewardError BAD_INPUT */
  async discover(input: { readonly under: string | null; readonly foldersMax: number }): Promise<LakeDiscovery> {
    const { foldersMax } = input;
    if (!Number.isInteger(foldersMax) || foldersMax < 1 || foldersMax > foldersMost)
      throw new LinewardError('BAD_INPUT', `foldersMax: must be between 1 and ${foldersMost}`, {
        path: ['foldersMax'],
      });
    const under = input.under === null ? null : readLocation(input.under, this.#deps.store.url);
    const registered = await this.#deps.em.fork().execute<{ location: string; mapped: boolean }[]>(
      `select location, exists (select 1 from mapping m where m.dataset_id = t.dataset_id and m.role = 'LAKE_TABLE') as mapped
       from lake_table t order by location`,
    );
    const known = new Set(registered.map(({ location }) => location));
    const walk: Walk = { known, tables: [], left: foldersMax, complete: true };
    await this.#visit(walk, under);
    return {
      tables: walk.tables,
      complete: walk.complete,
      foldersSeen: foldersMax - walk.left,
      registeredTables: registered.length,
      unmapped: registered
        .filter(({ mapped }) => !mapped)
        .map(({ location }) => location)
        .slice(0, unmappedMax),
    };
  }

  async #visit(walk: Walk, folder: string | null): Promise<void> {
    if (folder !== null && walk.known.has(folder)) return;
    const content = await this.#look(walk, folder);
    if (content === null) return;
    const folders = content.folders.filter(isDataName);
    const found = folder === null ? null : await this.#tableAt(walk, folder, content);
    if (found !== null) walk.tables.push(await this.#described(walk, found));
    else
      for (const name of folders) {
        if (walk.tables.length >= tablesMax) walk.complete = false;
        else await this.#visit(walk, childOf(folder, name));
      }
  }

  async #look(walk: Walk, folder: string | null): Promise<FolderContent | null> {
    if (walk.left <= 0) {
      walk.complete = false;
      return null;
    }
    walk.left -= 1;
    try {
      const content = await this.#deps.store.look(folder, entriesPerFolder);
      if (!content.complete) walk.complete = false;
      return content;
    } catch (error) {
      // One folder that may not be read, or has a name that is no path, must not hide the others.
      if (folder === null || !(error instanceof LinewardError) || !passable.includes(error.code)) throw error;
      walk.complete = false;
      return null;
    }
  }

  async #tableAt(walk: Walk, location: string, content: FolderContent): Promise<Found | null> {
    const isMarked = content.folders.some(mayMark);
    const engine = isMarked ? await engineAt(this.#deps.store, location) : null;
    if (engine !== null) return { location, engine, example: null };
    const direct = tableFileIn(content);
    if (direct !== null) return { location, engine: null, example: direct };
    const partitions = content.folders.filter((name) => isDataName(name) && isPartitionFolder(name));
    for (const name of partitions) {
      const inside = await this.#firstFile(walk, `${location}/${name}`);
      if (inside !== null) return { location, engine: null, example: inside.slice(location.length + 1) };
    }
    return null;
  }

  /** A file of a table below a partition, along its first folders. */
  async #firstFile(walk: Walk, folder: string): Promise<string | null> {
    if (walk.known.has(folder)) return null;
    const content = await this.#look(walk, folder);
    if (content === null) return null;
    const direct = tableFileIn(content);
    if (direct !== null) return `${folder}/${direct}`;
    for (const name of content.folders.filter(isDataName)) {
      const inside = await this.#firstFile(walk, `${folder}/${name}`);
      if (inside !== null) return inside;
    }
    return null;
  }

  async #described(walk: Walk, { location, engine, example }: Found): Promise<DiscoveredTable> {
    const standardName = standardNameOf(location);
    const entity = standardName === null ? null : await this.#deps.registry.entityOfFullName(standardName.entity);
    const sum = engine === null ? await this.#count(walk, location) : { files: 0, bytes: 0, counted: false };
    const facts = { location, engine, example, standardName, entity, ...sum };
    const bare = { codec: null, columns: [], refusals: [], columnFacts: [] };
    if (example === null) return { ...facts, ...bare, partitioning: 'NONE' };
    const partitioning = partitioningOfPath(example);
    const { bytes = 0 } = (await this.#deps.store.stat(`${location}/${example}`)) ?? {};
    if (!isQuicklyRead({ name: example, bytes })) return { ...facts, ...bare, partitioning };
    const [file] = await this.#deps.store.readingFooters([`${location}/${example}`], (files) =>
      this.#deps.engine.survey({ files, keyColumns: [] }),
    );
    if (file?.error !== undefined) return { ...facts, ...bare, partitioning, refusals: [file.reason] };
    const { codec = null, columns = [], refusals = [] } = file ?? {};
    return { ...facts, partitioning, codec, columns, refusals, columnFacts: await this.#facts(entity, columns) };
  }

  async #count(walk: Walk, location: string): Promise<Pick<DiscoveredTable, 'files' | 'bytes' | 'counted'>> {
    const own: Walk = { ...walk, left: Math.min(foldersPerTable, walk.left), complete: true };
    const [given, pending] = [own.left, [location]];
    let [files, bytes] = [0, 0];
    for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
      const content = await this.#look(own, folder);
      for (const file of content?.files.filter(({ name }) => isDataName(name)) ?? []) {
        files += 1;
        bytes += file.bytes;
      }
      for (const name of content?.folders.filter(isDataName) ?? []) pending.push(`${folder}/${name}`);
    }
    walk.left -= given - own.left;
    return { files, bytes, counted: own.complete };
  }

  async #facts(entity: Entity | null, columns: readonly ProfiledColumn[]): Promise<readonly ColumnFact[]> {
    const latest = entity === null ? null : await this.#deps.registry.latestVersion(entity.id);
    if (latest === null) return [];
    const fields = latest.fields.filter(({ path }) => isTopLevel(path)).map(({ path, type }) => ({ name: path, type }));
    return columnFacts(fields, new Map(columns.map(({ name, type }) => [name, new Map([[type, 1]])])), 1);
  }
}

const childOf = (folder: string | null, name: string): string => (folder === null ? name : `${folder}/${name}`);

/**
 * The first file of a table, or of a size to be read in between if there is one. What is named `.json` and lies beside folders
 * is more often a note on them.
 */
function tableFileIn({ files, folders }: FolderContent): string | null {
  const isAround = folders.some((name) => isDataName(name) && !isPartitionFolder(name));
  const found = files.filter(
    ({ name }) => isDataName(name) && namesTableFile(name) && !(isAround && name.endsWith('.json')),
  );
  return (found.find((file) => isQuicklyRead(file)) ?? found[0])?.name ?? null;
}

/** Of Parquet only the end is read. */
const isQuicklyRead = ({ name, bytes }: FolderContent['files'][number]): boolean =>
  formatOf(name) === 'PARQUET' || bytes <= exampleBytesMax;
