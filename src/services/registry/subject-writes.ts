import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { SchemaReference } from '../../domain/registry/schema-identity.ts';
import { defaultContext, readSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { executePrepared } from '../sql.ts';
import { type VersionToWrite, versionStatement, versionValues } from './version-statement.ts';

const written = z.object({ id: z.number().nullable() });

/** Makes the context known; the default one always is. */
export async function openContext(tx: EntityManager, { context }: SubjectName): Promise<void> {
  if (context === defaultContext) return;
  await tx.execute('insert into registry_context (name) values (?) on conflict do nothing', [context]);
}

/** Makes the subject known, and holds back every other change of it until the transaction ends. */
export async function lockSubject(tx: EntityManager, subject: SubjectName): Promise<void> {
  await openContext(tx, subject);
  await tx.execute('insert into registry_subject (context, name) values (?, ?) on conflict do nothing', [
    subject.context,
    subject.name,
  ]);
  await tx.execute('select 1 from registry_subject where context = ? and name = ? for update', [
    subject.context,
    subject.name,
  ]);
}

/** Makes those take turns that met another writer in a context. Taken after the subject. */
export async function holdContext(tx: EntityManager, { context }: SubjectName): Promise<void> {
  await tx.execute('select 1 from registry_context where name = ? for no key update', [context]);
}

/**
 * Writes a version in one statement: the schema, unless the context has it; what it refers to; and its place. Answers the id
 * of the schema. The subject is held before the counter of the context, as everywhere, so
 * that no two writers wait for each other.
 * @throws LinewardError CONFLICT, or a violation of the primary key, when another transaction has just written what this one
 * did not see; see `contended`.
 */
export async function writeVersion(tx: EntityManager, given: VersionToWrite): Promise<number> {
  const statement = versionStatement('write_version', given);
  return writtenId(await executePrepared(tx, statement, versionValues(given)));
}

/** @throws LinewardError CONFLICT when nothing was written, because the subject is no longer as it was read. */
export function writtenId([answer]: readonly unknown[]): number {
  const { id } = written.parse(answer);
  if (id === null) throw new LinewardError('CONFLICT');
  return id;
}

/** Keeps what a schema refers to from being deleted before the reference is known. */
export async function holdReferences(
  tx: EntityManager,
  { context }: SubjectName,
  references: readonly SchemaReference[],
): Promise<void> {
  for (const [index, reference] of references.entries()) {
    const target = readSubjectName(reference.subject, context);
    const rows = await tx.execute(
      `select 1 from subject_version where context = ? and subject = ? and version = ? and deleted_at is null for share`,
      [target.context, target.name, reference.version],
    );
    if (rows.length === 0)
      throw new LinewardError('SCHEMA_INVALID', `references.${index}: the version was deleted meanwhile`, {
        path: ['references', String(index)],
      });
  }
}

const retried = new Set(['23505', '40P01', '40001', 'CONFLICT']);
const attemptsMax = 12;

/**
 * Runs a transaction again that met another writer. The first attempt waits for nobody (`locked` is false), because nearly
 * always there is nobody; the next ones take their turn.
 */
export async function contended<T>(work: (locked: boolean) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt > 1);
    } catch (error) {
      const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
      if (!retried.has(code) || attempt === attemptsMax) throw error;
    }
  }
}
