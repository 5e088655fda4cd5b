import type { EntityManager } from '@mikro-orm/postgresql';
import { systemActor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import { type ColumnTypes, columnFacts } from '../../domain/lake/column-fit.ts';
import { isKeyType } from '../../domain/lake/key-column.ts';
import { type ProfiledFile, type TableProfile, TableProfiler } from '../../domain/lake/table-profile.ts';
import { type LakeRegistration, LakeRegistrationSchema } from '../../entities/lake-registration.entity.ts';
import { LakeTableSchema } from '../../entities/lake-table.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import { mapEntityIn } from '../registry/registry.service.ts';
import { isTopLevel } from './table-columns.ts';
import { claimLocation, taken } from './table-places.ts';
import { filesOfTable, type SurveyDeps, surveyFiles } from './table-survey.ts';

export interface RegistrarDeps extends SurveyDeps {
  readonly em: EntityManager;
  readonly registry: Pick<RegistryReadModel, 'latestVersion'>;
}

interface Run {
  readonly signal: AbortSignal;
  readonly report: (progress: { readonly done: number; readonly total: number }) => Promise<void>;
}

interface RegisteredFile {
  readonly id: string;
  readonly path: string;
  readonly bytes: number;
  readonly version: string;
  readonly rows: number;
}

const rowsPerInsert = 1_000;

/** Looks at all files of a directory and, unless that is all that was asked for, makes it a table. Writes nothing in the lake. */
export class TableRegistrar {
  readonly #deps: RegistrarDeps;

  constructor(deps: RegistrarDeps) {
    this.#deps = deps;
  }

  /** Safe to run again, after a kill too: until the last step nothing is there but a number in the row. */
  async run(id: string, run: Run): Promise<void> {
    const registration = await this.#deps.em.fork().findOneOrFail(LakeRegistrationSchema, { id });
    if (registration.status !== 'PROFILING') return;
    const { profile, columns, files } = await this.#look(registration, run);
    await this.#tell(id, profile);
    if (!registration.acceptUnreadable) assertReadable(profile);
    assertKeys(registration, columns);
    if (registration.dryRun) return this.#end(id, { status: 'PROFILED' });
    await this.#register(registration, profile, files);
  }

  /** Ends it without a table. */
  refuse(id: string, { code, message }: LinewardError): Promise<void> {
    return this.#end(id, { status: 'REFUSED', code, reason: message });
  }

  async #look(registration: LakeRegistration, { signal, report }: Run) {
    const { id, location, accountField, subjectFields } = registration;
    const { files, hidden } = await filesOfTable(this.#deps, location);
    const profiler = new TableProfiler(registration.partitioning ?? null);
    const registered: RegisteredFile[] = [];
    const keyColumns = [...new Set([accountField, ...subjectFields])];
    let done = 0;
    for await (const chunk of surveyFiles(this.#deps, files, { location, keyColumns, signal })) {
      signal.throwIfAborted();
      for (const [index, file] of chunk.entries()) {
        profiler.add(file);
        const identity = files[done + index];
        if (identity !== undefined) registered.push({ id: newId(), ...identity, rows: rowsOf(file) });
      }
      done += chunk.length;
      await this.#deps.em
        .fork()
        .execute('update lake_registration set files_done = ?, files_total = ?, updated_at = now() where id = ?', [
          done,
          files.length,
          id,
        ]);
      await report({ done, total: files.length });
    }
    const fields = await this.#fieldsOf(registration.entityId);
    const facts = columnFacts(fields, profiler.columns, profiler.readableFiles);
    return { profile: profiler.profile(facts, hidden), columns: profiler.columns, files: registered };
  }

  async #fieldsOf(entityId: string) {
    const latest = await this.#deps.registry.latestVersion(entityId);
    return (latest?.fields ?? [])
      .filter(({ path }) => isTopLevel(path))
      .map(({ path, type }) => ({ name: path, type }));
  }

  async #tell(id: string, profile: TableProfile): Promise<void> {
    await this.#deps.em
      .fork()
      .execute('update lake_registration set profile = ?::jsonb, updated_at = now() where id = ?', [
        JSON.stringify(profile),
        id,
      ]);
  }

  async #register(
    registration: LakeRegistration,
    profile: TableProfile,
    files: readonly RegisteredFile[],
  ): Promise<void> {
    const { id, location, entityId, accountField, subjectFields, dateField } = registration;
    await this.#deps.em.fork().transactional(async (tx) => {
      const known = await claimLocation(tx, location);
      const row = await open(tx, id);
      if (row === null) return;
      if (known !== null) throw taken(location, known);
      const { mapping, dataset } = await mapEntityIn(tx, {
        entityId,
        dataset: { namespace: this.#deps.store.namespace, name: location },
        role: 'LAKE_TABLE',
        accountField,
        subjectFields,
      });
      const { partitioning } = profile;
      const table = tx.create(LakeTableSchema, {
        id: newId(),
        datasetId: dataset.id,
        location,
        origin: 'REGISTERED',
        partitioning,
        dateField: dateField ?? null,
        columns: [],
        createdAt: new Date(),
      });
      await tx.persist(table).flush();
      await tx.execute('insert into lake_index (id, attempt) values (?, 0)', [table.id]);
      for (let start = 0; start < files.length; start += rowsPerInsert)
        await tx.execute(
          `insert into lake_file (id, table_id, path, bytes, version, rows, created_at, updated_at)
           select f.id, ?, f.path, f.bytes, f.version, f.rows, now(), now()
           from jsonb_to_recordset(?::jsonb) as f(id text, path text, bytes bigint, version text, rows bigint)`,
          [table.id, JSON.stringify(files.slice(start, start + rowsPerInsert))],
        );
      Object.assign(row, { status: 'REGISTERED', datasetId: dataset.id, finishedAt: new Date() });
      audit(tx, systemActor, {
        action: 'addLakeTable',
        resourceType: 'Dataset',
        resourceId: dataset.id,
        details: { registrationId: id, mappingId: mapping.id, location, files: profile.files, rows: profile.rows },
      });
    });
  }

  async #end(id: string, facts: Pick<LakeRegistration, 'status'> & Partial<LakeRegistration>): Promise<void> {
    await this.#deps.em.fork().transactional(async (tx) => {
      const row = await open(tx, id);
      if (row !== null) Object.assign(row, { ...facts, finishedAt: new Date(), updatedAt: new Date() });
    });
  }
}

const rowsOf = (file: ProfiledFile): number => ('fault' in file ? 0 : file.rows);

/** The row, locked; null once it has ended. */
async function open(tx: EntityManager, id: string): Promise<LakeRegistration | null> {
  await tx.execute('select 1 from lake_registration where id = ? for update', [id]);
  return tx.findOne(LakeRegistrationSchema, { id, status: 'PROFILING' });
}

/** @throws LinewardError MAPPING_INVALID for a key that no file has, or has in a form that can be compared with nothing. */
function assertKeys(
  { accountField, subjectFields, dateField, location }: LakeRegistration,
  columns: ColumnTypes,
): void {
  const keys = [
    { path: ['accountField'], name: accountField },
    ...subjectFields.map((name, index) => ({ path: ['subjectFields', String(index)], name })),
  ];
  for (const { path, name } of keys) {
    const types = [...(columns.get(name)?.keys() ?? [])];
    if (types.some(isKeyType)) continue;
    const why = types.length === 0 ? 'no file has' : `the files have as ${types.join(', ')}, which cannot be compared,`;
    throw new LinewardError('MAPPING_INVALID', `${path.join('.')}: ${why} the column ${name} (${location})`, { path });
  }
  if (dateField != null && !columns.has(dateField))
    throw new LinewardError('MAPPING_INVALID', `dateField: no file has the column ${dateField} (${location})`, {
      path: ['dateField'],
    });
}

/** @throws LinewardError LAKE_FILE_UNREADABLE */
function assertReadable({ unreadableFiles, unreadable: [first] }: TableProfile): void {
  if (first === undefined) return;
  throw new LinewardError(
    'LAKE_FILE_UNREADABLE',
    `${unreadableFiles} file(s) cannot be read, ${first.path} for one: ${first.reason}. Mend or remove them, or set acceptUnreadable: operations then list them as open.`,
    { path: ['location'] },
  );
}
