import { TokenBucket } from 'limiter';
import type { Actor } from '../../domain/access/actor.ts';
import { LinewardError } from '../../errors/lineward-error.ts';

/** In which a bucket fills up, whatever was taken: who has asked for nothing for so long need not be remembered. */
const restMs = 60_000;

interface Limits {
  /** 0: any number. */
  readonly requestsPerMinute: number;
  /** What GraphQL documents may cost together; 0: anything. */
  readonly costPerMinute: number;
}

interface Allowance {
  readonly requests: TokenBucket;
  readonly cost: TokenBucket;
}

/**
 * What each actor may still ask of this process: two token buckets, which are full at first and fill up in a minute. Kept in
 * memory, since every request is counted: to ask another server for it would take longer than most answers.
 */
export class Allowances {
  readonly #limits: Limits;
  /** Those who asked in the present minute, and those who did in the one before. */
  #recent = new Map<string, Allowance>();
  #earlier: ReadonlyMap<string, Allowance> = new Map();
  #since = performance.now();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Counts a request. @throws LinewardError RATE_LIMITED with `retryAfterSeconds` in its details. */
  request({ id }: Pick<Actor, 'id'>): void {
    const { requestsPerMinute } = this.#limits;
    if (requestsPerMinute === 0) return;
    take(this.#of(id).requests, 1, () => `has sent ${requestsPerMinute} requests, which is what it may in a minute`);
  }

  /** Counts what a GraphQL document costs. @throws LinewardError RATE_LIMITED with `retryAfterSeconds` in its details. */
  query({ id }: Pick<Actor, 'id'>, cost: number): void {
    const { costPerMinute } = this.#limits;
    if (costPerMinute === 0) return;
    const itself = `this query costs ${Math.ceil(cost)}`;
    take(this.#of(id).cost, cost, () => `may ask for what costs ${costPerMinute} in a minute, and ${itself}`);
  }

  #of(actorId: string): Allowance {
    this.#forgetRested();
    const known = this.#recent.get(actorId);
    if (known !== undefined) return known;
    const { requestsPerMinute, costPerMinute } = this.#limits;
    const fresh = () => ({ requests: full(requestsPerMinute), cost: full(costPerMinute) });
    const allowance = this.#earlier.get(actorId) ?? fresh();
    this.#recent.set(actorId, allowance);
    return allowance;
  }

  #forgetRested(): void {
    const now = performance.now();
    if (now - this.#since < restMs) return;
    this.#earlier = this.#recent;
    this.#recent = new Map();
    this.#since = now;
  }
}

function full(perMinute: number): TokenBucket {
  const bucket = new TokenBucket({ bucketSize: perMinute, tokensPerInterval: perMinute, interval: restMs });
  bucket.content = perMinute;
  return bucket;
}

function take(bucket: TokenBucket, count: number, what: () => string): void {
  if (bucket.tryRemoveTokens(count)) return;
  const retryAfterSeconds = Math.ceil(bucket.getWaitTime(count) / 1_000);
  throw new LinewardError('RATE_LIMITED', `The actor ${what()}; try again in ${retryAfterSeconds} s.`, {
    details: { retryAfterSeconds },
  });
}
