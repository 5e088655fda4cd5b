import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { Entity } from '../../entities/entity.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { recordValues } from '../changes/value-history.ts';
import { textArray } from '../sql.ts';
import { assertPlainText, documentationCharsMax, readLabels } from './description-text.ts';
import { addAliases, aliasesOf, assertAliases } from './entity-aliases.ts';
import { entityRow } from './registry-rows.ts';

/** What people say about an entity. A part that is absent stays as it is. */
export interface DescribeEntity {
  readonly entityId: string;
  /** Markdown; null and blank text remove it. */
  readonly documentation?: string | null | undefined;
  /** Null and an empty list remove all. */
  readonly owners?: readonly string[] | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
  /** `revision` of the entity that the change was made upon. */
  readonly expectedRevision?: number | undefined;
}

/** Keeps what people say about entities: documentation, owners, tags, and further names. */
export class EntityDescriptionService {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /**
   * Changes documentation, owners and tags. A call that changes nothing leaves no trace.
   * @throws LinewardError NOT_FOUND, CONFLICT when the entity was described meanwhile, BAD_INPUT, LIMIT_EXCEEDED.
   */
  async describeEntity(actor: Actor, input: DescribeEntity): Promise<Entity> {
    const { documentation, owners, tags } = input;
    if (typeof documentation === 'string')
      assertPlainText(documentation, { path: ['documentation'], charsMax: documentationCharsMax, lines: true });
    const given = {
      ...(documentation === undefined ? {} : { documentation: documentation?.trim() ? documentation : null }),
      ...(owners === undefined ? {} : { owners: readLabels(owners ?? [], 'owners') }),
      ...(tags === undefined ? {} : { tags: readLabels(tags ?? [], 'tags') }),
    };
    return this.#em.fork().transactional(async (tx) => {
      const before = await lockEntity(tx, input.entityId);
      if (input.expectedRevision !== undefined && input.expectedRevision !== before.revision) {
        throw new LinewardError(
          'CONFLICT',
          `expectedRevision: the entity is at revision ${before.revision}; read it again`,
          { path: ['expectedRevision'] },
        );
      }
      const after = { ...before, ...given };
      const parts = (['documentation', 'owners', 'tags'] as const).filter(
        (part) => JSON.stringify(before[part]) !== JSON.stringify(after[part]),
      );
      if (parts.length === 0) return before;
      const [row] = await tx.execute(
        `update entity set documentation = ?, owners = ?::text[], tags = ?::text[], revision = revision + 1 where id = ?
         returning *`,
        [after.documentation, textArray(after.owners), textArray(after.tags), before.id],
      );
      const values = Object.fromEntries(parts.map((part) => [part, [before[part], after[part]] as const]));
      await recordValues(tx, actor, { type: 'Entity', id: before.id, parts: values });
      audit(tx, actor, {
        action: 'describeEntity',
        resourceType: 'Entity',
        resourceId: before.id,
        details: { changed: parts },
      });
      return entityRow.parse(row);
    });
  }

  /**
   * Gives an entity further names; those that it has already stay.
   * @throws LinewardError NOT_FOUND, BAD_INPUT, LIMIT_EXCEEDED, ALREADY_EXISTS when an alias belongs to another entity.
   */
  async addEntityAliases(
    actor: Actor,
    { entityId, aliases }: { readonly entityId: string; readonly aliases: readonly string[] },
  ): Promise<Entity> {
    assertAliases(aliases);
    return this.#em.fork().transactional(async (tx) => {
      const entity = await lockEntity(tx, entityId);
      const added = await addAliases(tx, actor, { entityId, aliases });
      if (added.length > 0)
        audit(tx, actor, {
          action: 'addEntityAliases',
          resourceType: 'Entity',
          resourceId: entityId,
          details: { aliases: added },
        });
      return entity;
    });
  }

  /** @throws LinewardError NOT_FOUND when the entity, or its alias, is not there. */
  async removeEntityAlias(
    actor: Actor,
    { entityId, alias }: { readonly entityId: string; readonly alias: string },
  ): Promise<Entity> {
    return this.#em.fork().transactional(async (tx) => {
      const entity = await lockEntity(tx, entityId);
      const before = await aliasesOf(tx, entityId);
      const removed = await tx.execute('delete from entity_alias where alias = ? and entity_id = ? returning alias', [
        alias,
        entityId,
      ]);
      if (removed.length === 0)
        throw new LinewardError('NOT_FOUND', 'alias: the entity has no such alias', { path: ['alias'] });
      const aliases = [before, before.filter((one) => one !== alias)] as const;
      await recordValues(tx, actor, { type: 'Entity', id: entityId, parts: { aliases } });
      audit(tx, actor, {
        action: 'removeEntityAlias',
        resourceType: 'Entity',
        resourceId: entityId,
        details: { alias },
      });
      return entity;
    });
  }
}

/** The entity, held against other changes until the transaction ends. @throws LinewardError NOT_FOUND */
async function lockEntity(tx: EntityManager, id: string): Promise<Entity> {
  const [row] = await tx.execute('select * from entity where id = ? for no key update', [id]);
  if (row === undefined)
    throw new LinewardError('NOT_FOUND', 'entityId: there is no such entity', { path: ['entityId'] });
  return entityRow.parse(row);
}
