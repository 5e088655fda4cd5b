import type { Pool, PoolClient } from 'pg';
import { LinewardError } from '../../errors/lineward-error.ts';

type Connected = (error: Error | undefined, client: PoolClient | undefined, done: (release?: unknown) => void) => void;

/** What of a pool one of those who ask may have at a time, and who asks now; null where nobody is known. */
export interface Shares {
  readonly most: number;
  readonly timeoutMs: number;
  asker(): string | null;
}

/**
 * Keeps connections of a pool for others: nobody has more than `most` of them, and waits for one of their own beyond that: at most
 * for `timeoutMs`, then LinewardError TIMEOUT.
 */
export function shareOut(pool: Pool, { most, timeoutMs, asker }: Shares): void {
  const held = new Map<string, Held>();
  const connect = pool.connect.bind(pool);

  async function connectWithin(who: string): Promise<PoolClient> {
    const own = held.get(who) ?? new Held(most, timeoutMs);
    held.set(who, own);
    await own.take();
    const giveBack = (): void => {
      own.giveBack();
      if (own.isFree()) held.delete(who);
    };
    try {
      const client = await connect();
      // Set anew by the pool each time it gives the client away.
      const release = client.release.bind(client);
      client.release = (reason) => {
        release(reason);
        giveBack();
      };
      return client;
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  const shared = (callback?: Connected): Promise<PoolClient> | undefined => {
    const who = asker();
    const connected = who === null ? connect() : connectWithin(who);
    if (callback === undefined) return connected;
    connected.then(
      (client) => callback(undefined, client, (reason) => client.release(reason === true || reason instanceof Error)),
      (error: Error) => callback(error, undefined, () => {}),
    );
    return undefined;
  };
  pool.connect = shared as Pool['connect'];
}

/** What one has, and those of their questions that wait. */
class Held {
  readonly #most: number;
  readonly #timeoutMs: number;
  readonly #waiting = new Set<() => void>();
  #count = 0;

  constructor(most: number, timeoutMs: number) {
    this.#most = most;
    this.#timeoutMs = timeoutMs;
  }

  isFree(): boolean {
    return this.#count === 0 && this.#waiting.size === 0;
  }

  async take(): Promise<void> {
    if (this.#count < this.#most) {
      this.#count += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const next = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(next);
        reject(new LinewardError('TIMEOUT', 'others of the same actor took all connections that one actor has'));
      }, this.#timeoutMs);
      this.#waiting.add(next);
    });
  }

  /** To the one of theirs that has waited longest, if any. */
  giveBack(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#count -= 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
