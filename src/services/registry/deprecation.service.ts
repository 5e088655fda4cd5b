import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { Entity } from '../../entities/entity.entity.ts';
import type { EntityVersion } from '../../entities/entity-version.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { recordValues } from '../changes/value-history.ts';
import { assertPlainText } from './description-text.ts';
import { entityRow, versionRow } from './registry-rows.ts';

/** What should be used no longer, why, and what instead. */
export interface Deprecate {
  readonly id: string;
  readonly reason: string;
  readonly replacementId?: string | undefined;
}

type Table = 'entity' | 'entity_version';
const reasonCharsMax = 2_000;

const nouns = { entity: 'Entity', entity_version: 'EntityVersion' } as const;
// Every change of what people say about an entity counts.
const counted = { entity: ', revision = revision + 1', entity_version: '' } as const;

/** Marks entities and versions that should be used no longer. They keep working; whoever looks them up is told. */
export class DeprecationService {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** @throws LinewardError NOT_FOUND, BAD_INPUT, LIMIT_EXCEEDED */
  async deprecateEntity(actor: Actor, input: Deprecate): Promise<Entity> {
    return entityRow.parse(await this.#deprecate(actor, 'entity', input));
  }

  /** @throws LinewardError NOT_FOUND, BAD_INPUT, LIMIT_EXCEEDED */
  async deprecateEntityVersion(actor: Actor, input: Deprecate): Promise<EntityVersion> {
    return versionRow.parse(await this.#deprecate(actor, 'entity_version', input));
  }

  /** Takes the mark back. @throws LinewardError NOT_FOUND, CONFLICT when there is none. */
  async reinstateEntity(actor: Actor, id: string): Promise<Entity> {
    return entityRow.parse(await this.#reinstate(actor, 'entity', id));
  }

  /** Takes the mark back. @throws LinewardError NOT_FOUND, CONFLICT when there is none. */
  async reinstateEntityVersion(actor: Actor, id: string): Promise<EntityVersion> {
    return versionRow.parse(await this.#reinstate(actor, 'entity_version', id));
  }

  async #deprecate(actor: Actor, table: Table, { id, reason, replacementId }: Deprecate): Promise<unknown> {
    assertPlainText(reason, { path: ['reason'], charsMax: reasonCharsMax, lines: true });
    if (reason.trim() === '') throw new LinewardError('BAD_INPUT', 'reason: must say why', { path: ['reason'] });
    return this.#em.fork().transactional(async (tx) => {
      const before = await deprecationOf(tx, table, { id, path: ['id'] });
      if (replacementId !== undefined) {
        const path = ['replacementId'];
        // So replacements never lead in a ring.
        const ofReplacement = await deprecationOf(tx, table, { id: replacementId, path });
        if (ofReplacement !== null || replacementId === id)
          throw new LinewardError('BAD_INPUT', 'replacementId: must be another one, and not deprecated itself', {
            path,
          });
      }
      const [row] = await tx.execute(
        `update ${table} set deprecated_at = now(), deprecated_by = ?, deprecation_reason = ?, replacement_id = ?
           ${counted[table]} where id = ? returning *`,
        [actor.id, reason, replacementId ?? null, id],
      );
      const deprecation = [before, { reason, replacementId: replacementId ?? null }] as const;
      await recordValues(tx, actor, { type: nouns[table], id, parts: { deprecation } });
      audit(tx, actor, {
        action: `deprecate${nouns[table]}`,
        resourceType: nouns[table],
        resourceId: id,
        details: { replacementId: replacementId ?? null },
      });
      return row;
    });
  }

  async #reinstate(actor: Actor, table: Table, id: string): Promise<unknown> {
    return this.#em.fork().transactional(async (tx) => {
      const before = await deprecationOf(tx, table, { id, path: ['id'] });
      if (before === null) throw new LinewardError('CONFLICT', 'id: it is not deprecated', { path: ['id'] });
      const [row] = await tx.execute(
        `update ${table} set deprecated_at = null, deprecated_by = null, deprecation_reason = null, replacement_id = null
           ${counted[table]} where id = ? returning *`,
        [id],
      );
      await recordValues(tx, actor, { type: nouns[table], id, parts: { deprecation: [before, null] } });
      audit(tx, actor, { action: `reinstate${nouns[table]}`, resourceType: nouns[table], resourceId: id });
      return row;
    });
  }
}

/** Its deprecation, null when there is none; held until the transaction ends. @throws LinewardError NOT_FOUND */
async function deprecationOf(
  tx: EntityManager,
  table: Table,
  { id, path }: { readonly id: string; readonly path: readonly string[] },
): Promise<{ readonly reason: string; readonly replacementId: string | null } | null> {
  const rows = await tx.execute<{ reason: string | null; replacementId: string | null }[]>(
    `select deprecation_reason as reason, replacement_id as "replacementId" from ${table} where id = ? for no key update`,
    [id],
  );
  const [row] = rows;
  if (row === undefined)
    throw new LinewardError('NOT_FOUND', `${path.join('.')}: there is no such ${nouns[table]}`, { path });
  return row.reason === null ? null : { reason: row.reason, replacementId: row.replacementId };
}
