import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import {
  type Lifecycle,
  lifecycles,
  type Resource,
  type WantedAssociation,
} from '../../domain/registry/association.ts';
import { printSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { textArray } from '../sql.ts';
import { lockSubject } from './subject-writes.ts';

/** Most associations of one resource. */
const perResourceMax = 100;

/** A subject that describes a resource. */
export interface Association {
  readonly id: string;
  readonly subject: SubjectName;
  readonly resource: Resource;
  readonly associationType: string;
  readonly lifecycle: Lifecycle;
  readonly frozen: boolean;
}

export interface AssociationFilter {
  readonly resourceType: string;
  /** Empty for all. */
  readonly associationTypes: readonly string[];
  readonly lifecycle: string | null;
  readonly offset: number;
  readonly limit: number;
}

const associationRow = z
  .object({
    ...{ id: z.string(), context: z.string(), subject: z.string(), resource_id: z.string(), resource_name: z.string() },
    ...{ resource_namespace: z.string(), resource_type: z.string(), association_type: z.string() },
    ...{ lifecycle: z.enum(lifecycles), frozen: z.boolean() },
  })
  .transform(
    (row): Association => ({
      id: row.id,
      subject: { context: row.context, name: row.subject },
      resource: {
        id: row.resource_id,
        namespace: row.resource_namespace,
        name: row.resource_name,
        type: row.resource_type,
      },
      associationType: row.association_type,
      lifecycle: row.lifecycle,
      frozen: row.frozen,
    }),
  );

/** Ties subjects to the resources that they describe. A strong tie is the only one its subject has. */
export class AssociationService {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  ofSubject(subject: SubjectName, filter: AssociationFilter): Promise<readonly Association[]> {
    return this.#list('context = ? and subject = ?', [subject.context, subject.name], filter);
  }

  ofResource(
    resource: { readonly id: string } | { readonly namespace: string; readonly name: string },
    filter: AssociationFilter,
  ): Promise<readonly Association[]> {
    return 'id' in resource
      ? this.#list('resource_id = ?', [resource.id], filter)
      : this.#list('resource_namespace = ? and resource_name = ?', [resource.namespace, resource.name], filter);
  }

  async #list(
    where: string,
    parameters: readonly string[],
    filter: AssociationFilter,
  ): Promise<readonly Association[]> {
    const rows = await this.#em.fork().execute(
      `select * from association where ${where} and resource_type = ?
         and (cardinality(?::text[]) = 0 or association_type = any(?::text[])) and (?::text is null or lifecycle = ?)
       order by subject, resource_id, association_type offset ? limit ?`,
      [
        ...parameters,
        filter.resourceType,
        textArray(filter.associationTypes),
        textArray(filter.associationTypes),
        filter.lifecycle,
        filter.lifecycle,
        filter.offset,
        filter.limit,
      ],
    );
    return rows.map((row) => associationRow.parse(row));
  }

  /**
   * Makes an association, or changes the one that the resource has of that type when `mayChange`. The subject must have a
   * version by now. With `dryRun` everything is checked and nothing kept.
   * @throws LinewardError ASSOCIATION_OF_RESOURCE_EXISTS, ASSOCIATION_OF_SUBJECT_EXISTS, ASSOCIATION_STRONG_EXISTS,
   * ASSOCIATION_FROZEN, ASSOCIATIONS_TOO_MANY, SUBJECT_VERSION_REQUIRED
   */
  async put(
    actor: Actor,
    place: { readonly resource: Resource; readonly subject: SubjectName },
    wanted: WantedAssociation,
    options: { readonly mayChange: boolean; readonly dryRun: boolean },
  ): Promise<Association> {
    const em = this.#em.fork();
    await em.begin();
    try {
      const association = await this.#put(em, place, wanted, options.mayChange);
      audit(em, actor, {
        action: 'putAssociation',
        resourceType: 'Association',
        resourceId: association.id,
        details: { subject: printSubjectName(place.subject), resource: place.resource.id },
      });
      if (options.dryRun) await em.rollback();
      else await em.commit();
      return association;
    } catch (error) {
      await em.rollback();
      throw error;
    }
  }

  async #put(
    tx: EntityManager,
    { resource, subject }: { readonly resource: Resource; readonly subject: SubjectName },
    wanted: WantedAssociation,
    mayChange: boolean,
  ): Promise<Association> {
    await lockSubject(tx, subject);
    const live = await tx.execute(
      'select 1 from subject_version where context = ? and subject = ? and deleted_at is null limit 1',
      [subject.context, subject.name],
    );
    if (live.length === 0)
      throw refusal(
        'SUBJECT_VERSION_REQUIRED',
        `No active (non-deleted) version exists for subject '${printSubjectName(subject)}'`,
      );
    const rows = await tx.execute(
      `select * from association where resource_id = ? or (context = ? and subject = ?) order by id for update`,
      [resource.id, subject.context, subject.name],
    );
    const known = rows.map((row) => associationRow.parse(row));
    const own = known.filter((one) => one.resource.id === resource.id && one.resource.type === resource.type);
    const before = own.find((one) => one.associationType === wanted.associationType);
    const after = combined(before, { resource, subject }, wanted);
    if (before !== undefined && isSame(before, after)) return before;
    if (before !== undefined) assertMayChange(before, mayChange);
    else if (own.length >= perResourceMax)
      throw refusal('ASSOCIATIONS_TOO_MANY', `A maximum of ${perResourceMax} associations already exist`);
    assertAlone(after, known);
    await tx.execute(writeStatement, [
      ...[after.id, subject.context, subject.name, resource.id, resource.namespace, resource.name, resource.type],
      ...[after.associationType, after.lifecycle, after.frozen],
    ]);
    return after;
  }

  /**
   * Removes associations of a resource; answers them.
   * @throws LinewardError ASSOCIATION_NOT_FOUND, ASSOCIATION_FROZEN
   */
  async remove(
    actor: Actor,
    resourceId: string,
    filter: Pick<AssociationFilter, 'resourceType' | 'associationTypes'>,
    cascade: boolean,
  ): Promise<readonly Association[]> {
    return this.#em.fork().transactional(async (tx) => {
      const rows = await tx.execute(
        `select * from association where resource_id = ? and resource_type = ?
           and (cardinality(?::text[]) = 0 or association_type = any(?::text[])) order by id for update`,
        [resourceId, filter.resourceType, textArray(filter.associationTypes), textArray(filter.associationTypes)],
      );
      const found = rows.map((row) => associationRow.parse(row));
      if (found.length === 0)
        throw refusal('ASSOCIATION_NOT_FOUND', `Association for '${resourceId.slice(0, 80)}' not found.`);
      // A frozen tie goes only together with its subject.
      const frozen = found.find((one) => one.frozen);
      if (frozen !== undefined && !cascade) throw frozenRefusal(frozen);
      await tx.execute('delete from association where id = any(?::text[])', [textArray(found.map(({ id }) => id))]);
      audit(tx, actor, {
        action: 'deleteAssociations',
        resourceType: 'Association',
        resourceId: null,
        details: { resource: resourceId.slice(0, 200), associations: found.length },
      });
      return found;
    });
  }
}

const writeStatement = `
  insert into association (id, context, subject, resource_id, resource_namespace, resource_name, resource_type,
    association_type, lifecycle, frozen)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  on conflict (resource_id, resource_type, association_type) do update
    set context = excluded.context, subject = excluded.subject, lifecycle = excluded.lifecycle, frozen = excluded.frozen,
      resource_namespace = excluded.resource_namespace, resource_name = excluded.resource_name`;

type Code = Extract<ErrorCode, `ASSOCIATION${string}` | 'SUBJECT_VERSION_REQUIRED'>;

function refusal(code: Code, message: string): LinewardError {
  return new LinewardError(code, message, { path: ['associations'] });
}

function frozenRefusal({ associationType, subject }: Association): LinewardError {
  return refusal(
    'ASSOCIATION_FROZEN',
    `The association of type '${associationType}' is frozen for subject '${printSubjectName(subject)}'`,
  );
}

/** What is wanted over what is there; a tie that brings its schema is strong unless it says otherwise. */
function combined(
  before: Association | undefined,
  place: { readonly resource: Resource; readonly subject: SubjectName },
  wanted: WantedAssociation,
): Association {
  const otherwise: Lifecycle = before?.lifecycle ?? (wanted.schema === null ? 'WEAK' : 'STRONG');
  const lifecycle = wanted.lifecycle ?? otherwise;
  const frozen = lifecycle === 'STRONG' && (wanted.frozen ?? before?.frozen ?? false);
  return { id: before?.id ?? newId(), ...place, associationType: wanted.associationType, lifecycle, frozen };
}

function isSame(one: Association, other: Association): boolean {
  return (
    one.lifecycle === other.lifecycle &&
    one.frozen === other.frozen &&
    printSubjectName(one.subject) === printSubjectName(other.subject) &&
    one.resource.name === other.resource.name &&
    one.resource.namespace === other.resource.namespace
  );
}

function assertMayChange(before: Association, mayChange: boolean): void {
  if (before.frozen) throw frozenRefusal(before);
  if (!mayChange)
    throw refusal(
      'ASSOCIATION_OF_RESOURCE_EXISTS',
      `An association of type '${before.associationType}' already exists for resource '${before.resource.name.slice(0, 80)}'`,
    );
}

function assertAlone(after: Association, known: readonly Association[]): void {
  const subject = printSubjectName(after.subject);
  const others = known.filter((one) => one.id !== after.id && printSubjectName(one.subject) === subject);
  if (others.some((one) => one.lifecycle === 'STRONG'))
    throw refusal('ASSOCIATION_STRONG_EXISTS', `A strong association already exists for subject '${subject}'`);
  if (after.lifecycle === 'STRONG' && others.length > 0)
    throw refusal('ASSOCIATION_OF_SUBJECT_EXISTS', `An association already exists for subject '${subject}'`);
}
