import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { defaultContext, printSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { assertSchemaNotHeld } from '../governance/schema-holds.ts';
import { inForce, settingsAround } from './registry-settings.ts';
import { subjectNotFound, type VersionNumber } from './subject.read-model.ts';
import { contended, lockSubject } from './subject-writes.ts';

interface Place {
  readonly version: number;
  readonly deleted: boolean;
}

/**
 * Deletes subjects and versions: first softly, which hides them, then permanently. What another schema refers to stays, and,
 * while it does, what a legal hold needs.
 * Schemas keep their ids for ever.
 */
export class SubjectDeletionService {
  readonly #em: EntityManager;
  #permanentDeletions = 0;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** How many permanent deletions this process has done. Who keeps what it read forgets it when the number changes. */
  get permanentDeletions(): number {
    return this.#permanentDeletions;
  }

  /**
   * Deletes all versions of a subject, and its settings; answers the numbers of the versions.
   * @throws LinewardError SUBJECT_NOT_FOUND, SUBJECT_SOFT_DELETED, SUBJECT_NOT_SOFT_DELETED, REFERENCE_EXISTS, HOLD_ACTIVE,
   * REGISTRY_NOT_PERMITTED
   */
  async deleteSubject(actor: Actor, subject: SubjectName, permanent: boolean): Promise<readonly number[]> {
    return this.#transactional(permanent, async (tx) => {
      const places = await this.#places(tx, subject);
      const live = places.filter((place) => !place.deleted);
      if (places.length === 0) throw subjectNotFound(subject);
      if (permanent && live.length > 0) throw softDelete(subject, 'SUBJECT_NOT_SOFT_DELETED');
      if (!permanent && live.length === 0) throw softDelete(subject, 'SUBJECT_SOFT_DELETED');
      const versions = (permanent ? places : live).map((place) => place.version);
      await this.#remove(tx, subject, { versions, permanent, last: true });
      audit(tx, actor, {
        action: 'deleteSubject',
        resourceType: 'Subject',
        resourceId: printSubjectName(subject),
        details: { versions: versions.length, permanent },
      });
      return versions;
    });
  }

  /**
   * Deletes one version; answers its number.
   * @throws LinewardError SUBJECT_NOT_FOUND, VERSION_NOT_FOUND, VERSION_SOFT_DELETED, VERSION_NOT_SOFT_DELETED, REFERENCE_EXISTS,
   * HOLD_ACTIVE, REGISTRY_NOT_PERMITTED
   */
  async deleteVersion(actor: Actor, subject: SubjectName, version: VersionNumber, permanent: boolean): Promise<number> {
    return this.#transactional(permanent, async (tx) => {
      const places = await this.#places(tx, subject);
      const live = places.filter((place) => !place.deleted);
      if (permanent ? places.length === 0 : live.length === 0 && (version === 'latest' || places.length === 0))
        throw subjectNotFound(subject);
      const place = chosen(permanent ? places : live, places, version);
      if (permanent && !place.deleted) throw softDeletedVersion(subject, place, 'VERSION_NOT_SOFT_DELETED');
      if (!permanent && place.deleted) throw softDeletedVersion(subject, place, 'VERSION_SOFT_DELETED');
      const last = !permanent && live.length === 1;
      await this.#remove(tx, subject, { versions: [place.version], permanent, last });
      audit(tx, actor, {
        action: 'deleteSubjectVersion',
        resourceType: 'SubjectVersion',
        resourceId: `${printSubjectName(subject)}/${place.version}`,
        details: { permanent },
      });
      return place.version;
    });
  }

  /**
   * Forgets a context that has no subject left.
   * @throws LinewardError SUBJECT_NOT_FOUND when there is no such context, CONTEXT_NOT_EMPTY
   */
  async deleteContext(actor: Actor, context: string): Promise<void> {
    await contended(() =>
      this.#em.fork().transactional(async (tx) => {
        const known = await tx.execute('select 1 from registry_context where name = ? for update', [context]);
        if (known.length === 0)
          throw new LinewardError('SUBJECT_NOT_FOUND', `Context '${context}' not found.`, { path: ['context'] });
        const rows = await tx.execute('select 1 from subject_version where context = ? limit 1', [context]);
        if (rows.length > 0 || context === defaultContext)
          throw new LinewardError('CONTEXT_NOT_EMPTY', `The specified context '${context}' is not empty.`, {
            path: ['context'],
          });
        // The numbers stay counted where schemas were, so that no id is given twice.
        await tx.execute('delete from registry_subject where context = ?', [context]);
        await tx.execute(
          'delete from registry_context where name = ? and not exists (select 1 from schema where schema.context = name)',
          [context],
        );
        audit(tx, actor, { action: 'deleteContext', resourceType: 'Context', resourceId: context });
      }),
    );
  }

  async #transactional<T>(permanent: boolean, work: (tx: EntityManager) => Promise<T>): Promise<T> {
    const result = await contended(() => this.#em.fork().transactional(work));
    if (permanent) this.#permanentDeletions += 1;
    return result;
  }

  async #places(tx: EntityManager, subject: SubjectName): Promise<readonly Place[]> {
    const known = await tx.execute('select 1 from registry_subject where context = ? and name = ?', [
      subject.context,
      subject.name,
    ]);
    if (known.length === 0) throw subjectNotFound(subject);
    await lockSubject(tx, subject);
    const { mode } = inForce(await settingsAround(tx, subject));
    if (mode === 'READONLY' || mode === 'READONLY_OVERRIDE') {
      throw new LinewardError(
        'REGISTRY_NOT_PERMITTED',
        `Subject ${printSubjectName(subject)} in context ${subject.context} is in read-only mode`,
        { path: ['subject'] },
      );
    }
    const rows = await tx.execute<{ version: number; deleted: boolean }[]>(
      `select version, deleted_at is not null as deleted from subject_version where context = ? and subject = ?
       order by version for update`,
      [subject.context, subject.name],
    );
    return rows;
  }

  async #remove(
    tx: EntityManager,
    subject: SubjectName,
    what: { readonly versions: readonly number[]; readonly permanent: boolean; readonly last: boolean },
  ): Promise<void> {
    const { context, name } = subject;
    if (what.permanent) await assertSchemaNotHeld(tx, subject, what.versions);
    const numbers = `{${what.versions.join(',')}}`;
    const [referred] = await tx.execute<{ version: number }[]>(
      `select target_version as version from schema_reference reference
       where target_context = ? and target_subject = ? and target_version = any(?::int[])
         and exists (select 1 from subject_version place where place.context = reference.context
           and place.schema_id = reference.schema_id ${what.permanent ? '' : 'and place.deleted_at is null'})
       limit 1`,
      [context, name, numbers],
    );
    if (referred !== undefined) {
      const place = `{magic=1,keytype=SCHEMA,subject=${printSubjectName(subject)},version=${referred.version}}`;
      throw new LinewardError('REFERENCE_EXISTS', `One or more references exist to the schema ${place}.`, {
        path: ['version'],
      });
    }
    await tx.execute(
      what.permanent
        ? 'delete from subject_version where context = ? and subject = ? and version = any(?::int[])'
        : 'update subject_version set deleted_at = now() where context = ? and subject = ? and version = any(?::int[])',
      [context, name, numbers],
    );
    // Also tells registrations under way that the numbers begin again, see `Situation.state`.
    if (what.last)
      await tx.execute('update registry_subject set config = null, mode = null where context = ? and name = ?', [
        context,
        name,
      ]);
  }
}

function chosen(eligible: readonly Place[], all: readonly Place[], version: VersionNumber): Place {
  const found = version === 'latest' ? eligible.at(-1) : all.find((place) => place.version === version);
  if (found === undefined)
    throw new LinewardError('VERSION_NOT_FOUND', `Version ${version} not found.`, { path: ['version'] });
  return found;
}

function softDelete(subject: SubjectName, code: 'SUBJECT_SOFT_DELETED' | 'SUBJECT_NOT_SOFT_DELETED'): LinewardError {
  const name = printSubjectName(subject);
  const message =
    code === 'SUBJECT_SOFT_DELETED'
      ? `Subject '${name}' was soft deleted. Set permanent=true to delete permanently`
      : `Subject '${name}' was not deleted first before being permanently deleted`;
  return new LinewardError(code, message, { path: ['subject'] });
}

function softDeletedVersion(
  subject: SubjectName,
  { version }: Place,
  code: 'VERSION_SOFT_DELETED' | 'VERSION_NOT_SOFT_DELETED',
): LinewardError {
  const name = `Subject '${printSubjectName(subject)}' Version ${version}`;
  const message =
    code === 'VERSION_SOFT_DELETED'
      ? `${name} was soft deleted. Set permanent=true to delete permanently`
      : `${name} was not deleted first before being permanently deleted`;
  return new LinewardError(code, message, { path: ['version'] });
}
