import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { assertSelector, assertText, type SubjectSelector } from '../../domain/governance/selection.ts';
import { newId } from '../../domain/id.ts';
import { type LegalHold, LegalHoldSchema } from '../../entities/legal-hold.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';

const textCharsMax = 4_000;

export interface PlaceLegalHold {
  /** The legal matter the hold serves, as counsel names it. */
  readonly matterId: string;
  readonly reason: string;
  readonly selector: SubjectSelector;
}

/**
 * Legal holds beat everything else. An erasure reads them when it plans and again before each irreversible step, so a
 * hold placed in the middle of one still saves what is left.
 */
export class GovernanceService {
  readonly #em: EntityManager;
  readonly #holdsChanged: (() => Promise<void>) | undefined;

  constructor(deps: {
    readonly em: EntityManager;
    /** Called when a hold came or went, for what acts on data by itself; must not fail. */
    readonly holdsChanged?: () => Promise<void>;
  }) {
    this.#em = deps.em;
    this.#holdsChanged = deps.holdsChanged;
  }

  async placeLegalHold(actor: Actor, input: PlaceLegalHold): Promise<LegalHold> {
    assertText(input.matterId, ['matterId'], textCharsMax);
    assertText(input.reason, ['reason'], textCharsMax);
    assertSelector(input.selector, ['scope']);
    const placed = await this.#em.fork().transactional(async (tx) => {
      const hold = tx.create(LegalHoldSchema, {
        id: newId(),
        matterId: input.matterId,
        reason: input.reason,
        accountId: input.selector.accountId,
        subjectField: input.selector.subject?.field ?? null,
        subjectValue: input.selector.subject?.value ?? null,
        placedBy: actor.id,
        placedAt: new Date(),
      });
      tx.persist(hold);
      audit(tx, actor, {
        action: 'placeLegalHold',
        resourceType: 'LegalHold',
        resourceId: hold.id,
        details: { matterId: input.matterId, scope: input.selector.subject === undefined ? 'ACCOUNT' : 'SUBJECT' },
      });
      return hold;
    });
    await this.#holdsChanged?.();
    return placed;
  }

  /** Ends one hold; other holds on the same data stay. */
  async releaseLegalHold(actor: Actor, input: { readonly id: string; readonly reason: string }): Promise<LegalHold> {
    assertText(input.reason, ['reason'], textCharsMax);
    const released = await this.#em.fork().transactional(async (tx) => {
      const hold = await tx.findOne(LegalHoldSchema, { id: input.id });
      if (hold === null) throw new LinewardError('NOT_FOUND', 'id: there is no such legal hold', { path: ['id'] });
      if (hold.releasedAt !== null && hold.releasedAt !== undefined) {
        throw new LinewardError('CONFLICT', 'The hold is released already.', { path: ['id'] });
      }
      hold.releasedAt = new Date();
      hold.releasedBy = actor.id;
      audit(tx, actor, {
        action: 'releaseLegalHold',
        resourceType: 'LegalHold',
        resourceId: hold.id,
        details: { matterId: hold.matterId, reason: input.reason },
      });
      return hold;
    });
    await this.#holdsChanged?.();
    return released;
  }

  /** Active holds on any of the accounts, or all there are for null; read now and from the database. */
  async activeHolds(accountIds: readonly string[] | null): Promise<readonly SubjectSelector[]> {
    const accounts = accountIds === null ? {} : { accountId: { $in: [...accountIds] } };
    const holds = await this.#em.fork().find(LegalHoldSchema, { ...accounts, releasedAt: null });
    return holds.map((hold) => ({
      accountId: hold.accountId,
      ...(hold.subjectField != null && hold.subjectValue != null
        ? { subject: { field: hold.subjectField, value: hold.subjectValue } }
        : {}),
    }));
  }
}
