import { randomUUID } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Logger } from '../../domain/logger.ts';
import { LinewardError } from '../../errors/lineward-error.ts';

/** A lease this process holds; its heartbeat runs until `release`. */
export interface HeldLease {
  readonly resource: string;
  readonly fencingToken: number;
  /** @throws LinewardError LEASE_LOST */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

/**
 * One writer per place. The database's clock decides, so that workers with wrong clocks cannot overlap; a worker that
 * went silent loses its lease after `ttlMs`, and its fencing token then fails its late writes.
 */
export class LeaseService {
  readonly #em: EntityManager;
  readonly #logger: Logger;
  readonly #ttlMs: number;
  readonly #holder = randomUUID();

  constructor(deps: { readonly em: EntityManager; readonly logger: Logger; readonly ttlMs: number }) {
    this.#em = deps.em;
    this.#logger = deps.logger;
    this.#ttlMs = deps.ttlMs;
  }

  /** The lease, or null while somebody else holds it. */
  async acquire(resource: string): Promise<HeldLease | null> {
    // Each acquisition is a holder of its own: two tasks of one process must not share a lease.
    const holder = `${this.#holder}:${randomUUID()}`;
    const [row] = await this.#em.fork().execute<{ fencing_token: string }[]>(
      `insert into lease (resource, holder, fencing_token, expires_at, heartbeat_at)
       values (?, ?, 1, now() + ? * interval '1 millisecond', now())
       on conflict (resource) do update
         set holder = excluded.holder, fencing_token = lease.fencing_token + 1,
             expires_at = excluded.expires_at, heartbeat_at = excluded.heartbeat_at
         where lease.expires_at <= now()
       returning fencing_token`,
      [resource, holder, this.#ttlMs],
    );
    return row === undefined ? null : this.#hold(resource, holder, Number(row.fencing_token));
  }

  #hold(resource: string, holder: string, fencingToken: number): HeldLease {
    const beat = setInterval(() => {
      this.#extend(resource, holder, this.#ttlMs).catch((error: unknown) => {
        this.#logger.warn({ resource, error }, 'a lease heartbeat failed');
      });
    }, this.#ttlMs / 3);
    beat.unref();
    return {
      resource,
      fencingToken,
      assertHeld: async () => {
        const kept = await this.#extend(resource, holder, this.#ttlMs);
        if (!kept) throw new LinewardError('LEASE_LOST');
      },
      release: async () => {
        clearInterval(beat);
        await this.#extend(resource, holder, 0);
      },
    };
  }

  /** Moves the end of the lease to `ttlMs` from now; false when it is no longer ours. */
  async #extend(resource: string, holder: string, ttlMs: number): Promise<boolean> {
    const rows = await this.#em.fork().execute<unknown[]>(
      `update lease set expires_at = now() + ? * interval '1 millisecond', heartbeat_at = now()
       where resource = ? and holder = ? and expires_at > now() returning 1`,
      [ttlMs, resource, holder],
    );
    return rows.length > 0;
  }
}
