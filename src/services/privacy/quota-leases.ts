import type { EntityManager } from '@mikro-orm/postgresql';
import { readWhole } from '../access/reader.ts';
import { executePrepared, prepared } from '../sql.ts';

export type CryptoVerb = 'SEAL' | 'OPEN' | 'REDACT';

/** Leases that a process holds; what is dropped beyond costs its caller the rest of a block. */
const leasesMax = 100_000;
/** A process takes this part of a quota at once, beside what it needs. */
const blocksPerQuota = 64;

interface Lease {
  left: number;
  /** By this process's monotonic clock; never after the end of the database's minute. */
  readonly endsAtMs: number;
}

export interface QuotaUse {
  readonly actorId: string;
  readonly verb: CryptoVerb;
  /** Values by account. */
  readonly counts: ReadonlyMap<string, number>;
}

/**
 * Counts values against the quota of a minute. A process takes a 64th of a quota from the row beside what a call needs and counts
 * down in memory, so calls with one value seldom wait for the row. All processes together never let through more than the
 * quota; what other processes hold unused may refuse a caller early, by a 64th for each of them.
 */
export class QuotaLeases {
  readonly #em: EntityManager;
  readonly #quota: number;
  /** Oldest first. */
  readonly #leases = new Map<string, Lease>();
  /** Settles with the last call that asked the row; never fails. */
  #underWay: Promise<unknown> = Promise.resolve();

  constructor(deps: { readonly em: EntityManager; readonly quotaPerMinute: number }) {
    this.#em = deps.em;
    this.#quota = deps.quotaPerMinute;
  }

  /** Counts the values of a call; answers the accounts whose quota is used up. What is refused counts, too. */
  charge(use: QuotaUse): Promise<ReadonlySet<string>> {
    if (this.#covers(use)) return this.#taken(use);
    // One after the other: of many calls at once, each would take a block.
    const taken = readWhole(() => this.#underWay.then(() => this.#taken(use)));
    this.#underWay = taken.catch(() => undefined);
    return taken;
  }

  #covers(use: QuotaUse): boolean {
    for (const [account, count] of use.counts)
      if ((this.#current(leaseName(use, account))?.left ?? 0) < count) return false;
    return true;
  }

  async #taken(use: QuotaUse): Promise<ReadonlySet<string>> {
    const needs = new Map<string, number>();
    for (const [account, count] of use.counts) {
      const missing = this.#takeOr(leaseName(use, account), count);
      if (missing > 0) needs.set(account, missing);
    }
    return needs.size === 0 ? new Set() : this.#lease({ ...use, counts: needs });
  }

  #current(name: string): Lease | null {
    const lease = this.#leases.get(name);
    return lease === undefined || performance.now() >= lease.endsAtMs ? null : lease;
  }

  /** Takes from the lease; what is missing where it holds too little, which then is used up. */
  #takeOr(name: string, count: number): number {
    const lease = this.#current(name);
    if (lease === null) return count;
    const missing = Math.max(0, count - lease.left);
    lease.left = Math.max(0, lease.left - count);
    return missing;
  }

  async #lease(use: QuotaUse): Promise<ReadonlySet<string>> {
    const block = Math.floor(this.#quota / blocksPerQuota);
    // One order for all callers, or two of them could wait for each other.
    const asked = [...use.counts].sort(([one], [other]) => (one < other ? -1 : 1));
    const given = asked.map(([account, needed]) => ({ account, asked: needed + block }));
    const askedAtMs = performance.now();
    const rows = await executePrepared(this.#em.fork(), takeBlocks, {
      actor_id: use.actorId,
      verb: use.verb,
      given: JSON.stringify(given),
    });
    const refused = new Set<string>();
    for (const row of rows as readonly UsageRow[]) {
      const needed = use.counts.get(row.account_id) ?? 0;
      const usedBefore = Number(row.used) - needed - block;
      const left = Math.min(block, this.#quota - usedBefore - needed);
      if (left < 0) refused.add(row.account_id);
      else this.#keep(leaseName(use, row.account_id), { left, endsAtMs: askedAtMs + Number(row.ms_left) });
    }
    return refused;
  }

  #keep(name: string, lease: Lease): void {
    this.#leases.delete(name);
    this.#leases.set(name, lease);
    const [oldest] = this.#leases.keys();
    if (this.#leases.size > leasesMax && oldest !== undefined) this.#leases.delete(oldest);
  }
}

interface UsageRow {
  readonly account_id: string;
  readonly used: string;
  readonly ms_left: string;
}

const leaseName = ({ actorId, verb }: QuotaUse, account: string): string => JSON.stringify([actorId, verb, account]);

// Who came to the row late, at the turn of the minute, counts in the minute that it shows.
const takeBlocks = prepared(
  'quota_blocks',
  `insert into crypto_usage (actor_id, account_id, verb, minute, used)
   select :actor_id, account, :verb, floor(extract(epoch from now()) / 60), asked
   from jsonb_to_recordset(:given::jsonb) as given (account text, asked bigint)
   on conflict (actor_id, account_id, verb) do update set
     used = case when crypto_usage.minute - excluded.minute in (0, 1) then crypto_usage.used + excluded.used else excluded.used end,
     minute = case when crypto_usage.minute - excluded.minute in (0, 1) then crypto_usage.minute else excluded.minute end
   returning account_id, used, floor((minute + 1) * 60000 - extract(epoch from now()) * 1000)::bigint as ms_left`,
);
