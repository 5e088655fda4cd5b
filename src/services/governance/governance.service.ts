import { type EntityManager, LockMode } from '@mikro-orm/postgresql';
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
  readonly #releaseByTwo: boolean;

  constructor(deps: {
    readonly em: EntityManager;
    /** Called when a hold came or went, for what acts on data by itself; must not fail. */
    readonly holdsChanged?: () => Promise<void>;
    /** True where two actors must agree to the release of a hold. */
    readonly releaseByTwo?: boolean;
  }) {
    this.#em = deps.em;
    this.#holdsChanged = deps.holdsChanged;
    this.#releaseByTwo = deps.releaseByTwo ?? false;
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
        releaseRequestedBy: null,
        releaseRequestedAt: null,
        releasedBy: null,
        releasedAt: null,
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

  /**
   * Ends one hold; other holds on the same data stay. Where two must agree, the first call asks for the release, and the hold keeps
   * what it keeps until another actor's.
   * @throws LinewardError NOT_FOUND, CONFLICT when it is released, APPROVAL_REFUSED for who asked already.
   */
  async releaseLegalHold(actor: Actor, input: { readonly id: string; readonly reason: string }): Promise<LegalHold> {
    assertText(input.reason, ['reason'], textCharsMax);
    const hold = await this.#em.fork().transactional(async (tx) => {
      // Two who come at once: the second one sees what the first one did.
      const found = await tx.findOne(LegalHoldSchema, { id: input.id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (found === null) throw new LinewardError('NOT_FOUND', 'id: there is no such legal hold', { path: ['id'] });
      if (found.releasedAt !== null)
        throw new LinewardError('CONFLICT', 'The hold is released already.', { path: ['id'] });
      const isAgreed = !this.#releaseByTwo || found.releaseRequestedBy !== null;
      if (this.#releaseByTwo && found.releaseRequestedBy === actor.id)
        throw new LinewardError('APPROVAL_REFUSED', `${actor.id} asked for the release; another actor must agree.`, {
          path: ['id'],
        });
      if (isAgreed) Object.assign(found, { releasedAt: new Date(), releasedBy: actor.id });
      else Object.assign(found, { releaseRequestedAt: new Date(), releaseRequestedBy: actor.id });
      audit(tx, actor, {
        action: isAgreed ? 'releaseLegalHold' : 'requestHoldRelease',
        resourceType: 'LegalHold',
        resourceId: found.id,
        details: { matterId: found.matterId, reason: input.reason },
      });
      return found;
    });
    if (hold.releasedAt !== null) await this.#holdsChanged?.();
    return hold;
  }
}
