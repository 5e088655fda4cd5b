import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { auditEvent } from '../audit/audit.service.ts';
import { AuditBatches } from '../audit/audit-batches.ts';
import { type CryptoVerb, QuotaLeases } from './quota-leases.ts';

const actions = { SEAL: 'encrypt', OPEN: 'decrypt', REDACT: 'redact' } as const;

export interface CryptoUse {
  readonly verb: CryptoVerb;
  /** Values by account; the account of a redaction is empty. */
  readonly counts: ReadonlyMap<string, number>;
  /** Why values are decrypted. */
  readonly purpose?: string;
}

/** What a call may do, and that it was written down. */
export interface AdmittedUse {
  /** Accounts whose quota is used up. */
  readonly refused: ReadonlySet<string>;
  /** Resolves once the audit events are committed. No value may go out before; fails when nobody can know of the call. */
  readonly recorded: Promise<void>;
}

/** Counts the values of calls against the quota of their actor and each account, and leaves one audit event per account. */
export class CryptoUsage {
  readonly #quotas: QuotaLeases;
  readonly #events: AuditBatches;

  constructor(deps: { readonly em: EntityManager; readonly quotaPerMinute: number }) {
    this.#quotas = new QuotaLeases(deps);
    this.#events = new AuditBatches(deps);
  }

  async admit(actor: Actor, { verb, counts, purpose }: CryptoUse): Promise<AdmittedUse> {
    if (counts.size === 0) return { refused: new Set(), recorded: Promise.resolve() };
    const refused = await this.#quotas.charge({ actorId: actor.id, verb, counts });
    const events = [...counts].map(([account, values]) =>
      auditEvent(actor, {
        action: actions[verb],
        resourceType: 'Account',
        resourceId: null,
        outcome: refused.has(account) ? 'REFUSED' : 'SUCCESS',
        details: {
          ...(account === '' ? {} : { accountId: account }),
          values,
          ...(purpose === undefined ? {} : { purpose }),
        },
      }),
    );
    return { refused, recorded: this.#events.write(events) };
  }
}
