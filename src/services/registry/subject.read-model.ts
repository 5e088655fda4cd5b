import type { EntityManager } from '@mikro-orm/postgresql';
import {
  defaultContext,
  printSubjectName,
  readContext,
  readSubjectName,
  type SubjectName,
} from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import {
  type StoredSchema,
  type SubjectVersion,
  schemaRow,
  subjectVersionColumns,
  subjectVersionJoin,
  subjectVersionRow,
} from './subject-rows.ts';
import { placeColumns, type VersionPlace, versionBatches } from './version-batches.ts';

/** Whether soft-deleted versions count: not at all, too, or nothing but these. */
export type DeletedFilter = 'none' | 'too' | 'only';

export interface SubjectsRequest {
  /** `prefix` of the default context, `:.context:prefix` of another, `:*:prefix` of all. */
  readonly prefix: string;
  readonly deleted: DeletedFilter;
  readonly offset: number;
  readonly limit: number;
}

function condition(deleted: DeletedFilter, table = 'subject_version'): string {
  if (deleted === 'too') return 'true';
  return `${table}.deleted_at is ${deleted === 'none' ? '' : 'not '}null`;
}

/** A version as clients name it: a number, or the newest. */
export type VersionNumber = number | 'latest';

/** Reads `latest`, `-1` or a positive number, as Java reads numbers. @throws LinewardError VERSION_INVALID */
export function readVersionNumber(given: string): VersionNumber {
  const text = given.trim();
  if (text.toLowerCase() === 'latest' || text === '-1') return 'latest';
  if (/^\+?\d{1,20}$/.test(text) && Number(text) > 0 && Number(text) < 2 ** 31) return Number(text);
  throw new LinewardError(
    'VERSION_INVALID',
    `The specified version '${text.slice(0, 40)}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`,
    { path: ['version'] },
  );
}

/** Questions about subjects, their versions and schemas. */
export class SubjectReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** The default context, and every other one that has a version. */
  async contexts(): Promise<readonly string[]> {
    const rows = await this.#em.fork().execute<{ name: string }[]>(
      `select name from registry_context where name = '.'
         or exists (select 1 from subject_version where subject_version.context = registry_context.name) order by name`,
    );
    return rows.map((row) => row.name);
  }

  /** Qualified names of subjects that have a version of the kind asked for, in their order. */
  async subjects(request: SubjectsRequest): Promise<readonly string[]> {
    const { where, parameters } = prefixCondition(request.prefix, 'registry_subject.name', 'registry_subject.context');
    // The range is told for versions too: a merge of the two indexes would walk all versions before it otherwise.
    const range = prefixCondition(request.prefix, 'version.subject', 'version.context');
    const some = (deleted: DeletedFilter): string =>
      `exists (select 1 from subject_version version where version.context = registry_subject.context
        and version.subject = registry_subject.name and ${range.where} and ${condition(deleted, 'version')})`;
    const isOnly = request.deleted === 'only';
    const kind = isOnly ? `not ${some('none')} and ${some('only')}` : some(request.deleted);
    const ranges = isOnly ? [...range.parameters, ...range.parameters] : range.parameters;
    const rows = await this.#em.fork().execute<{ context: string; name: string }[]>(
      `select context, name from registry_subject where ${where} and name <> '' and ${kind}
       order by context, name offset ? limit ?`,
      [...parameters, ...ranges, request.offset, request.limit],
    );
    return rows.map(printSubjectName);
  }

  /** Version numbers of a subject, oldest first; empty when it is not known. */
  async versions(subject: SubjectName, deleted: DeletedFilter): Promise<readonly number[]> {
    const rows = await this.#em
      .fork()
      .execute<{ version: number }[]>(
        `select version from subject_version where context = ? and subject = ? and ${condition(deleted)} order by version`,
        [subject.context, subject.name],
      );
    return rows.map((row) => row.version);
  }

  /**
   * One version of a subject.
   * @throws LinewardError SUBJECT_NOT_FOUND or VERSION_NOT_FOUND
   */
  async version(subject: SubjectName, version: VersionNumber, deleted: DeletedFilter): Promise<SubjectVersion> {
    const found = await this.#find(subject, version, deleted);
    if (found !== null) return found;
    const known = await this.versions(subject, deleted);
    if (known.length === 0) throw subjectNotFound(subject);
    throw new LinewardError('VERSION_NOT_FOUND', `Version ${version} not found.`, { path: ['version'] });
  }

  async #find(subject: SubjectName, version: VersionNumber, deleted: DeletedFilter): Promise<SubjectVersion | null> {
    const rows = await this.#em.fork().execute(
      `select ${subjectVersionColumns} from ${subjectVersionJoin}
       where subject_version.context = ? and subject = ? and ${condition(deleted)} ${version === 'latest' ? '' : 'and version = ?'}
       order by version desc limit 1`,
      [subject.context, subject.name, ...(version === 'latest' ? [] : [version])],
    );
    return rows.map(subjectVersionRow)[0] ?? null;
  }

  /** Versions with their schemas, by subject and version, in batches of bounded size. */
  async schemas(
    request: SubjectsRequest & { readonly latestOnly: boolean },
  ): Promise<AsyncGenerator<readonly SubjectVersion[]>> {
    const { where, parameters } = prefixCondition(request.prefix, 'subject', 'subject_version.context');
    const newest = `and version = (select max(version) from subject_version other where other.context = subject_version.context
      and other.subject = subject_version.subject and ${condition(request.deleted, 'other')})`;
    const em = this.#em.fork();
    const places = await em.execute<VersionPlace[]>(
      `select ${placeColumns} from ${subjectVersionJoin}
       where ${where} and ${condition(request.deleted)} ${request.latestOnly ? newest : ''}
       order by subject_version.context, subject, version offset ? limit ?`,
      [...parameters, request.offset, request.limit],
    );
    return versionBatches(em, places);
  }

  /**
   * The schema of an id while some subject has it, be it deleted there.
   * @throws LinewardError SCHEMA_NOT_FOUND
   */
  async schema(context: string, id: number): Promise<StoredSchema> {
    const rows = await this.#em.fork().execute(
      `select * from schema where context = ? and id = ? and exists (select 1 from subject_version
         where subject_version.context = schema.context and schema_id = schema.id)`,
      [context, id],
    );
    const found = rows.map((row) => schemaRow.parse(row))[0];
    if (found === undefined) throw new LinewardError('SCHEMA_NOT_FOUND', `Schema ${id} not found`, { path: ['id'] });
    return found;
  }

  /** Schemas of a GUID, one for each context that has it. */
  async schemasOfGuid(guid: string): Promise<readonly StoredSchema[]> {
    const rows = await this.#em.fork().execute(
      `select * from schema where guid = ? and exists (select 1 from subject_version
         where subject_version.context = schema.context and schema_id = schema.id) order by context = '.' desc, context`,
      [guid.toLowerCase()],
    );
    return rows.map((row) => schemaRow.parse(row));
  }

  /** Where a schema is registered. */
  async placesOf(
    schema: { readonly context: string; readonly id: number },
    deleted: DeletedFilter,
  ): Promise<readonly { readonly subject: SubjectName; readonly version: number }[]> {
    const rows = await this.#em.fork().execute<{ subject: string; version: number }[]>(
      `select subject, version from subject_version where context = ? and schema_id = ? and ${condition(deleted)}
       order by subject, version`,
      [schema.context, schema.id],
    );
    return rows.map(({ subject, version }) => ({ subject: { context: schema.context, name: subject }, version }));
  }

  /** Largest id that the context has given. */
  async maxId(context: string): Promise<number> {
    const rows = await this.#em.fork().execute<{ id: number }[]>('select last_schema_id(?) as id', [context]);
    return rows[0]?.id ?? 0;
  }

  /** Ids of schemas that refer to a version and are registered somewhere, not deleted there. */
  async referencedBy({ subject, version }: SubjectVersion): Promise<readonly number[]> {
    const rows = await this.#em.fork().execute<{ schema_id: number }[]>(
      `select distinct schema_id from schema_reference reference
       where target_context = ? and target_subject = ? and target_version = ? and exists (select 1 from subject_version
         where subject_version.context = reference.context and subject_version.schema_id = reference.schema_id
         and subject_version.deleted_at is null)
       order by schema_id`,
      [subject.context, subject.name, version],
    );
    return rows.map((row) => row.schema_id);
  }

  /** Newest version whose metadata has all these properties. */
  async latestWithProperties(
    subject: SubjectName,
    properties: Readonly<Record<string, string>>,
    deleted: DeletedFilter,
  ): Promise<SubjectVersion | null> {
    const rows = await this.#em.fork().execute(
      `select ${subjectVersionColumns} from ${subjectVersionJoin}
       where subject_version.context = ? and subject = ? and ${condition(deleted)}
         and metadata->'properties' @> ?::jsonb order by version desc limit 1`,
      [subject.context, subject.name, JSON.stringify(properties)],
    );
    return rows.map(subjectVersionRow)[0] ?? null;
  }

  /**
   * The subject that requests for `subject` mean: the one that its own configuration names as alias, else itself. An alias
   * without a context is of the same context.
   */
  async aliased(subject: SubjectName): Promise<SubjectName> {
    const [row] = await this.#em
      .fork()
      .execute<{ alias: string | null }[]>(
        `select config->>'alias' as alias from registry_subject where context = ? and name = ? and config is not null`,
        [subject.context, subject.name],
      );
    const alias = row?.alias ?? '';
    return alias === '' ? subject : readSubjectName(alias, subject.context);
  }
}

export function subjectNotFound(subject: SubjectName): LinewardError {
  const name = printSubjectName(subject).slice(0, 200);
  return new LinewardError('SUBJECT_NOT_FOUND', `Subject '${name}' not found.`, { path: ['subject'] });
}

function prefixCondition(
  prefix: string,
  nameColumn: string,
  contextColumn: string,
): { readonly where: string; readonly parameters: readonly string[] } {
  const [, context, rest] = /^:([^:]*):(.*)$/su.exec(prefix) ?? [null, defaultContext, prefix];
  const name = rest ?? '';
  // A range of the index. The columns are in byte order, where U+10FFFF comes last.
  const starts = name === '' ? 'true' : `${nameColumn} >= ? and ${nameColumn} < ?`;
  const bound = name === '' ? [] : [name, `${name}\u{10FFFF}`];
  if (context === '*') return { where: starts, parameters: bound };
  return { where: `${contextColumn} = ? and ${starts}`, parameters: [readContext(context ?? ''), ...bound] };
}
