import { type EntityManager, LockMode } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { DateRange } from '../../domain/governance/date-range.ts';
import { type GivenScope, readScope } from '../../domain/governance/hold-scope.ts';
import { isPlaced, scopeColumns } from '../../domain/governance/place-scope.ts';
import { assertText } from '../../domain/governance/selection.ts';
import { newId } from '../../domain/id.ts';
import { type LegalHold, LegalHoldSchema } from '../../entities/legal-hold.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { tellingRefusal } from '../audit/refused-approval.ts';
import { assertPlacesThere } from './scope-places.ts';

const textCharsMax = 4_000;

export interface PlaceLegalHold {
  /** The legal matter the hold serves, as counsel names it. */
  readonly matterId: string;
  readonly reason: string;
  readonly scope: GivenScope;
  /** True for a hold that only those are told of who place holds. */
  readonly confidential?: boolean | undefined;
}

export interface ReleaseLegalHold {
  readonly id: string;
  readonly reason: string;
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
    const { accountId, subjects, dates, ...places } = readScope(input.scope);
    const confidential = input.confidential ?? false;
    const placed = await this.#em.fork().transactional(async (tx) => {
      const hold = tx.create(LegalHoldSchema, {
        id: newId(),
        matterId: input.matterId,
        reason: input.reason,
        ...{ accountId, subjects, confidential, ...scopeColumns(places) },
        datesFrom: dates?.from ?? null,
        datesUntil: dates?.until ?? null,
        placedBy: actor.id,
        placedAt: new Date(),
        releaseRequestedBy: null,
        releaseRequestedAt: null,
        releasedBy: null,
        releasedAt: null,
      });
      await assertPlacesThere(tx, places);
      tx.persist(hold);
      audit(tx, actor, {
        action: 'placeLegalHold',
        resourceType: 'LegalHold',
        resourceId: hold.id,
        details: {
          ...matterOf(hold),
          ...scopeInWords(accountId, subjects.length),
          ...(isPlaced(places) && places),
          ...(dates !== null && { dates: datesInWords(dates) }),
        },
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
  async releaseLegalHold(actor: Actor, input: ReleaseLegalHold): Promise<LegalHold> {
    assertText(input.reason, ['reason'], textCharsMax);
    const approvable = { resourceType: 'LegalHold', resourceId: input.id } as const;
    const hold = await tellingRefusal(this.#em, actor, approvable, () => this.#release(actor, input));
    if (hold.releasedAt !== null) await this.#holdsChanged?.();
    return hold;
  }

  #release(actor: Actor, input: ReleaseLegalHold): Promise<LegalHold> {
    return this.#em.fork().transactional(async (tx) => {
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
        details: { ...matterOf(found), reason: found.confidential ? null : input.reason },
      });
      return found;
    });
  }
}

/** The audit log is read by more than those who are told of a confidential hold. */
const matterOf = ({ matterId, confidential }: LegalHold) => (confidential ? { confidential } : { matterId });

const datesInWords = ({ from, until }: DateRange) => ({
  from: from?.toISOString() ?? null,
  until: until?.toISOString() ?? null,
});

const scopeInWords = (accountId: string | null, subjects: number) =>
  accountId === null ? { scope: 'PLACES' } : { scope: subjects === 0 ? 'ACCOUNT' : 'SUBJECT', subjects };
