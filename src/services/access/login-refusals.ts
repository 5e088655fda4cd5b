import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { Logger } from '../../domain/logger.ts';
import { auditEvent } from '../audit/audit.service.ts';
import { AuditBatches } from '../audit/audit-batches.ts';

/** What is refused within it leaves one event for each address. Milliseconds. */
const windowMsDefault = 60_000;
/** Most addresses that get an event of their own in a window; the others share one. */
const addressesMax = 1_000;
/** Most digests that are told of one address; how many more there were is not known. */
const digestsMax = 5;

/** Nobody knows who asked. */
const nobody: Actor = { id: 'anonymous', kind: 'local', roles: [], requestId: null };

interface Tally {
  attempts: number;
  withoutToken: number;
  readonly digests: Set<string>;
  readonly from: Date;
}

/**
 * Tells the audit log of requests whose login or token was refused: how many, from where, and by which tokens, of which a keyed
 * digest is told, since somebody may have sent a password. Floods leave a bounded number of events; what a process has
 * counted since the last ones goes with it when it is killed.
 */
export class LoginRefusals {
  readonly #events: AuditBatches;
  readonly #digest: (value: unknown) => string;
  readonly #logger: Logger;
  readonly #windowMs: number;
  #tallies = new Map<string | null, Tally>();
  #timer: NodeJS.Timeout | null = null;

  constructor(deps: {
    readonly em: EntityManager;
    /** Keyed: nobody without the key can guess what was sent. */
    readonly digest: (value: unknown) => string;
    readonly logger: Logger;
    readonly windowMs?: number;
  }) {
    this.#events = new AuditBatches(deps);
    this.#digest = deps.digest;
    this.#logger = deps.logger;
    this.#windowMs = deps.windowMs ?? windowMsDefault;
  }

  /** `header` is what the request carried as `Authorization`. Waits for nothing. */
  tell(address: string, header: string | undefined): void {
    const key = this.#tallies.has(address) || this.#tallies.size < addressesMax ? address : null;
    const tally = this.#tallies.get(key) ?? { attempts: 0, withoutToken: 0, digests: new Set(), from: new Date() };
    this.#tallies.set(key, tally);
    tally.attempts += 1;
    if (header === undefined || header === '') tally.withoutToken += 1;
    else if (tally.digests.size < digestsMax) tally.digests.add(this.#digest({ refusedLogin: header }).slice(0, 16));
    this.#timer ??= setTimeout(() => void this.flush(), this.#windowMs).unref();
  }

  /** Writes what was counted. Never fails: the refusals stand whether or not they can be written down. */
  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const tallies = this.#tallies;
    this.#tallies = new Map();
    if (tallies.size === 0) return;
    const events = [...tallies].map(([address, { attempts, withoutToken, digests, from }]) =>
      auditEvent(nobody, {
        action: 'refuseLogins',
        resourceType: 'Login',
        resourceId: address,
        outcome: 'REFUSED',
        details: { attempts, withoutToken, tokens: [...digests], from: from.toISOString() },
      }),
    );
    await this.#events.write(events).catch((error: unknown) => {
      this.#logger.warn({ error }, 'refused logins could not be written to the audit log');
    });
  }
}
