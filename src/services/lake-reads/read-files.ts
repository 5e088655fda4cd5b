import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { unknownDatePartition } from '../../domain/lake/table-location.ts';
import { type DayRange, mayHoldDays } from '../../domain/lake-reads/day-range.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { isSameContent } from '../lake/file-identity.ts';
import type { FileIdentity, LakeStore } from '../lake/ports.ts';
import type { LakePlace } from './read-place.ts';

/** A file as it is now, with its rows where they are known. */
export interface ReadFile extends FileIdentity {
  readonly rows: number | null;
}

/** Most files of one read; more of them make no answer that somebody could use. */
const filesMax = 20_000;

const registeredRow = z.object({
  path: z.string(),
  rows: z.coerce.number(),
  version: z.string(),
  standing: z.enum(['EXPECTED', 'FOUND', 'MISSING']),
});

/** Says of which files a table consists at this moment, and whether they still are what they were. */
export class ReadFiles {
  readonly #em: EntityManager;
  readonly #store: LakeStore;

  constructor(deps: { readonly em: EntityManager; readonly store: LakeStore }) {
    this.#em = deps.em;
    this.#store = deps.store;
  }

  /**
   * The current files, and how many were left out since they have none of the days.
   * @throws LinewardError LAKE_FILE_CHANGED while a file that should be there is not; LIMIT_EXCEEDED
   */
  async of(
    place: LakePlace,
    days: DayRange | null,
  ): Promise<{ readonly files: readonly ReadFile[]; readonly pruned: number }> {
    const all = (await this.#current(place)) ?? (await this.#current(place));
    if (all === null)
      throw new LinewardError(
        'LAKE_FILE_CHANGED',
        'Files of the table are being replaced, or are missing; read it again.',
        {
          details: { table: place.location },
        },
      );
    const files = days === null ? all : all.filter(({ path }) => mayMatch(place, path, days));
    if (files.length > filesMax)
      throw new LinewardError('LIMIT_EXCEEDED', `from: the read has more than ${filesMax} files; ask for fewer days`, {
        path: ['from'],
      });
    return { files, pruned: all.length - files.length };
  }

  /** @throws LinewardError LAKE_FILE_CHANGED when one of the files is another one by now. */
  async assertSame(location: string, files: readonly FileIdentity[]): Promise<void> {
    const listed = new Map((await this.#store.list(location)).map((file) => [file.path, file]));
    for (const file of files) {
      const now = listed.get(file.path);
      if (now === undefined || !isSameContent(now, file)) throw changed(file.path);
    }
  }

  async assertUnchanged(file: FileIdentity): Promise<void> {
    const now = await this.#store.stat(file.path);
    if (now === null || !isSameContent(now, file)) throw changed(file.path);
  }

  /** Null when the registry names a file that is not there: it has been replaced since, or is lost. */
  async #current({ tableId, location, origin }: LakePlace): Promise<readonly ReadFile[] | null> {
    const registered = await this.#registered(tableId);
    const listed = await this.#store.list(location);
    const rowsOf = (file: FileIdentity): number | null => {
      const known = registered.get(file.path);
      return known?.version === file.version && known.standing === 'EXPECTED' ? known.rows : null;
    };
    // Whatever others put there belongs to their table. To ours belongs what we have committed, and nothing that is under way.
    if (origin === 'REGISTERED') return listed.map((file) => ({ ...file, rows: rowsOf(file) }));
    const there = new Set(listed.map(({ path }) => path));
    for (const [path, { standing }] of registered) if (standing !== 'MISSING' && !there.has(path)) return null;
    return listed.filter(({ path }) => registered.has(path)).map((file) => ({ ...file, rows: rowsOf(file) }));
  }

  /** Without files whose rows a run of a transformer has put into new ones: in one statement, so it is before the run or after. */
  async #registered(tableId: string): Promise<ReadonlyMap<string, z.infer<typeof registeredRow>>> {
    const rows = await this.#em.fork().execute(
      `select f.path, f.rows, f.version, f.standing from lake_file f where f.table_id = ? and not exists (
         select 1 from lake_table t join transform_run r on r.dataset_id = t.dataset_id
         where t.id = f.table_id and r.status = 'SETTLING' and r.finished_at is null and r.outputs->'replaced' @> to_jsonb(f.path))`,
      [tableId],
    );
    return new Map(rows.map((raw) => registeredRow.parse(raw)).map((row) => [row.path, row]));
  }
}

/** Only folders that we have made say for sure which days are in them. */
function mayMatch({ location, origin, dateField }: LakePlace, path: string, days: DayRange): boolean {
  if (origin === 'REGISTERED' || dateField === null) return true;
  const folder = path
    .slice(location.length + 1)
    .split('/')
    .slice(0, -1)
    .join('/');
  if (folder === unknownDatePartition) return false;
  return folder === '' || mayHoldDays(folder, days);
}

const changed = (path: string): LinewardError =>
  new LinewardError('LAKE_FILE_CHANGED', 'A file of the table was replaced since the read was opened; read it again.', {
    details: { path },
  });
