import type { Pool, PoolClient } from 'pg';
import { Turns } from '../../domain/turns.ts';
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
  const held = new Map<string, Turns>();
  const patience = (): AbortSignal => AbortSignal.timeout(timeoutMs);
  const connect = pool.connect.bind(pool);

  async function connectWithin(who: string): Promise<PoolClient> {
    const own = held.get(who) ?? new Turns(most);
    held.set(who, own);
    await own.enter(patience).catch((cause: unknown) => {
      throw new LinewardError('TIMEOUT', 'others of the same actor took all connections that one actor has', { cause });
    });
    const giveBack = (): void => {
      own.leave();
      if (own.isIdle()) held.delete(who);
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
