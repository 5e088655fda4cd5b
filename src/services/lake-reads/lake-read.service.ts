import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import { formatOf } from '../../domain/lake/file-format.ts';
import { type DayRange, dayRange } from '../../domain/lake-reads/day-range.ts';
import type { ReadColumn } from '../../domain/lake-reads/read-column.ts';
import { readFullName } from '../../domain/registry/full-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccessGuard } from '../access/access-guard.ts';
import { audit } from '../audit/audit.service.ts';
import type { LakeStore } from '../lake/ports.ts';
import { clearColumns } from './clear-columns.ts';
import type { ReadFile, ReadFiles } from './read-files.ts';
import type { LakePlace, LakePlaces, PlaceColumn } from './read-place.ts';

export interface LakeReadDeps {
  readonly em: EntityManager;
  readonly store: LakeStore;
  readonly places: LakePlaces;
  readonly files: ReadFiles;
  readonly access: Pick<AccessGuard, 'may' | 'explain' | 'assertNow'>;
}

export interface AskedRead {
  readonly entity: string | null;
  readonly table: string | null;
  readonly from: string | null;
  readonly to: string | null;
  /** All, if none is named. */
  readonly columns: readonly string[];
  readonly decrypt: boolean;
  readonly purpose: string | null;
}

/** What a read was granted; kept until it expires. */
export interface ReadPlan {
  readonly columns: readonly ReadColumn[];
  readonly days: DayRange | null;
  readonly decrypt: boolean;
  readonly purpose: string | null;
  readonly files: readonly ReadFile[];
}

export interface GrantedRead extends ReadPlan {
  readonly id: string;
  readonly place: LakePlace;
  /** FILES: the reader may see all that is in the files, and is told where they are. */
  readonly access: 'FILES' | 'ROWS';
  readonly pruned: number;
  readonly expiresAt: Date;
}

/** How long rows may be asked for. Long enough to try again, short enough that no grant outlives what it was decided by. */
const livesMs = 15 * 60_000;
const purposeMax = 200;

/** Grants reads of lake tables: which files and columns, and what of them in clear. Nothing is answered before it is audited. */
export class LakeReadService {
  readonly #deps: LakeReadDeps;

  constructor(deps: LakeReadDeps) {
    this.#deps = deps;
  }

  /** @throws LinewardError BAD_INPUT, NOT_FOUND, FORBIDDEN, LIMIT_EXCEEDED, LAKE_FILE_CHANGED */
  async open(actor: Actor, asked: AskedRead): Promise<GrantedRead> {
    const days = dayRange(asked.from, asked.to);
    const purpose = purposeIn(asked.purpose);
    const place = await this.#deps.places.named(asked.entity, asked.table);
    const wanted = columnsIn(place, asked.columns);
    const clear = await this.#clear(actor, place);
    const columns = wanted.map((column): ReadColumn => ({ ...column, masked: !clear.has(column.name) }));
    assertDays(place, days, clear);
    if (asked.decrypt && !this.#deps.access.may(actor, 'DECRYPT'))
      throw new LinewardError('FORBIDDEN', 'decrypt: this takes the permission DECRYPT', { path: ['decrypt'] });
    const personal = personalIn(columns);
    assertPurpose({ purpose, decrypt: asked.decrypt }, personal);
    const { files, pruned } = await this.#deps.files.of(place, days);
    // A file has all columns: whoever may not see one of them, or does not say what for, gets rows from the service.
    const isOpen = !asked.decrypt && place.columns.every(({ name }) => clear.has(name));
    const inFiles = personalIn(place.columns.map((column) => ({ ...column, masked: false })));
    const access = isOpen && (purpose !== null || inFiles.length === 0) ? 'FILES' : 'ROWS';
    const plan: ReadPlan = { columns, days, decrypt: asked.decrypt, purpose, files };
    const { id, expiresAt } = await this.#record(actor, {
      place,
      plan,
      access,
      personal: access === 'FILES' ? inFiles : personal,
    });
    return { ...plan, id, place, access, pruned, expiresAt };
  }

  /**
   * A read of this actor, to be answered in rows; columns that the actor may no longer see in clear are masked by now.
   * @throws LinewardError NOT_FOUND, FORBIDDEN, LAKE_FILE_CHANGED
   */
  async begin(actor: Actor, id: string): Promise<{ readonly place: LakePlace; readonly plan: ReadPlan }> {
    // The database refuses to look for a text with U+0000.
    const [found] = id.includes('\0') ? [] : await this.#granted(actor, id);
    if (found === undefined)
      throw new LinewardError('NOT_FOUND', 'There is no such read of yours, or its time is over; open another one.');
    const { table_id, plan } = readRow.parse(found);
    const place = await this.#deps.places.byId(table_id);
    const clear = await this.#clear(actor, place);
    assertDays(place, plan.days, clear);
    if (plan.decrypt && !this.#deps.access.may(actor, 'DECRYPT'))
      throw new LinewardError('FORBIDDEN', 'decrypt: this takes the permission DECRYPT', { path: ['decrypt'] });
    // What was classified meanwhile is in the audit log as such.
    const now = new Map(place.columns.map(({ name, classifications }) => [name, classifications]));
    const columns = plan.columns.map((column) => ({
      ...column,
      masked: column.masked || !clear.has(column.name),
      classifications: now.get(column.name) ?? column.classifications,
    }));
    assertPurpose(plan, personalIn(columns));
    await this.#deps.files.assertSame(place.location, plan.files);
    await this.#deps.em.fork().transactional(async (tx) => {
      audit(tx, actor, {
        action: 'readLakeRows',
        resourceType: 'Dataset',
        resourceId: place.datasetId,
        details: {
          ...{ read: id, table: place.location, purpose: plan.purpose, decrypt: plan.decrypt },
          ...{ clear: personalIn(columns).map(({ name }) => name), masked: maskedNames(columns) },
        },
      });
    });
    return { place, plan: { ...plan, columns } };
  }

  /**
   * What was decided when rows began to go out still holds: they may go out for longer than a policy, or a permission that was
   * taken in an emergency, is in force. @throws LinewardError FORBIDDEN
   */
  async assertStill(actor: Actor, place: LakePlace, plan: ReadPlan): Promise<void> {
    await this.#deps.access.assertNow(actor, 'READ_LAKE', 'readLakeRows');
    const clear = await this.#clear(actor, place);
    const gone = plan.columns.find(({ name, masked }) => !masked && !clear.has(name));
    if (gone !== undefined)
      throw new LinewardError('FORBIDDEN', `${gone.name}: may not be read in clear any more; open another read`);
    assertDays(place, plan.days, clear);
  }

  /** Where a file is, as a URL; for readers of whole files alone. */
  locationOf({ path }: ReadFile): string {
    const { url } = this.#deps.store;
    const root = url.replace(/\/$/u, '');
    return url.startsWith('file:') ? `${root}/${path.split('/').map(encodeURIComponent).join('/')}` : `${root}/${path}`;
  }

  #granted(actor: Actor, id: string): Promise<unknown[]> {
    return this.#deps.em
      .fork()
      .execute('select table_id, plan from lake_read where id = ? and actor_id = ? and expires_at > now()', [
        id,
        actor.id,
      ]);
  }

  #clear(actor: Actor, { columns, entities }: LakePlace): Promise<ReadonlySet<string>> {
    return clearColumns(this.#deps.access, actor, { columns, places: entities.map(readFullName) });
  }

  async #record(
    actor: Actor,
    read: {
      readonly place: LakePlace;
      readonly plan: ReadPlan;
      readonly access: 'FILES' | 'ROWS';
      readonly personal: readonly ReadColumn[];
    },
  ): Promise<{ readonly id: string; readonly expiresAt: Date }> {
    const { place, plan, access, personal } = read;
    const [id, expiresAt] = [newId(), new Date(Date.now() + livesMs)];
    await this.#deps.em.fork().transactional(async (tx) => {
      await tx.execute('delete from lake_read where expires_at < now()');
      await tx.execute(
        `insert into lake_read (id, actor_id, table_id, plan, created_at, expires_at) values (?, ?, ?, ?::jsonb, now(), ?)`,
        [id, actor.id, place.tableId, JSON.stringify(plan), expiresAt],
      );
      audit(tx, actor, {
        action: 'openLakeRead',
        resourceType: 'Dataset',
        resourceId: place.datasetId,
        details: {
          read: id,
          table: place.location,
          entity: place.entity.name,
          access,
          files: plan.files.length,
          from: plan.days?.from ?? null,
          to: plan.days?.to ?? null,
          columns: plan.columns.map(({ name }) => name),
          clear: personal.map(({ name }) => name),
          masked: maskedNames(plan.columns),
          decrypt: plan.decrypt,
          purpose: plan.purpose,
        },
      });
    });
    return { id, expiresAt };
  }
}

const maskedNames = (columns: readonly ReadColumn[]): readonly string[] =>
  columns.filter(({ masked }) => masked).map(({ name }) => name);
/** What is classified and in clear. */
const personalIn = (columns: readonly ReadColumn[]): readonly ReadColumn[] =>
  columns.filter(({ masked, classifications }) => !masked && classifications.length > 0);

function columnsIn({ columns }: LakePlace, asked: readonly string[]): readonly PlaceColumn[] {
  if (asked.length === 0) return columns;
  const twice = asked.findIndex((name, index) => asked.indexOf(name) !== index);
  if (twice >= 0)
    throw new LinewardError('BAD_INPUT', `columns.${twice}: it is named twice`, { path: ['columns', String(twice)] });
  return asked.map((name, index) => {
    const column = columns.find((one) => one.name === name);
    if (column !== undefined) return column;
    throw new LinewardError(
      'BAD_INPUT',
      `columns.${index}: the table has no such column; it has ${columns
        .map((one) => one.name)
        .slice(0, 50)
        .join(', ')}`,
      { path: ['columns', String(index)] },
    );
  });
}

/** Ever smaller ranges would tell the date of a row to whoever may not see it. */
function assertDays({ dateField }: LakePlace, days: DayRange | null, clear: ReadonlySet<string>): void {
  if (days === null) return;
  const path = [days.from === null ? 'to' : 'from'];
  if (dateField === null)
    throw new LinewardError('BAD_INPUT', `${path[0]}: the table has no date field; read it without a range`, { path });
  if (!clear.has(dateField))
    throw new LinewardError(
      'FORBIDDEN',
      `${path[0]}: the date field ${dateField} is masked, so no range of it is told`,
      {
        path,
      },
    );
}

function assertPurpose({ purpose, decrypt }: Pick<ReadPlan, 'purpose' | 'decrypt'>, personal: readonly ReadColumn[]) {
  if (purpose !== null || !(decrypt || personal.length > 0)) return;
  const what = decrypt ? 'decrypted values' : 'personal columns';
  throw new LinewardError('BAD_INPUT', `purpose: say in 1 to ${purposeMax} characters what ${what} are for`, {
    path: ['purpose'],
  });
}

function purposeIn(given: string | null): string | null {
  const purpose = given?.trim() ?? '';
  if (purpose === '') return null;
  if (purpose.length <= purposeMax && !/[\p{Cc}\p{Cs}]/u.test(purpose)) return purpose;
  throw new LinewardError('BAD_INPUT', `purpose: at most ${purposeMax} characters, on one line`, { path: ['purpose'] });
}

const readRow = z.object({
  table_id: z.string(),
  plan: z.object({
    columns: z.array(
      z.object({
        name: z.string(),
        type: z.string(),
        semanticType: z.string().nullable(),
        classifications: z.array(z.string()),
        masked: z.boolean(),
      }),
    ),
    days: z.object({ from: z.string().nullable(), to: z.string().nullable() }).nullable(),
    decrypt: z.boolean(),
    purpose: z.string().nullable(),
    files: z.array(z.object({ path: z.string(), bytes: z.number(), version: z.string(), rows: z.number().nullable() })),
  }),
});

/** A file without where it is, for readers of rows. */
export const fileFacts = ({ path, bytes, rows }: ReadFile) => ({ format: formatOf(path), bytes, rows });
