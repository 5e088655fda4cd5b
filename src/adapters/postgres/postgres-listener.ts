import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { Logger } from '../../domain/logger.ts';

const reconnectMs = 1_000;

/** What is done with the notifications of a channel. */
export interface ChannelHandler {
  notified(payload: string): void;
  /** Something may have been missed: the connection is new. */
  reconnected(): void;
}

/** One LISTEN connection of this process for all channels; it reconnects. Notifications can be lost, never repeated. */
export class PostgresListener {
  readonly #url: string;
  readonly #logger: Logger;
  readonly #handlers = new Map<string, ChannelHandler>();
  readonly #closing = new AbortController();
  #client: Client | null = null;
  #loop: Promise<void> | null = null;

  constructor(deps: { readonly url: string; readonly logger: Logger }) {
    this.#url = deps.url;
    this.#logger = deps.logger;
  }

  /** Registers the handler of a channel, which is a word of the code. Before `start`. */
  on(channel: string, handler: ChannelHandler): void {
    this.#handlers.set(channel, handler);
  }

  /** Connects; again it changes nothing. */
  start(): void {
    this.#loop ??= this.#listen();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#client?.end().catch(() => {});
    await this.#loop;
  }

  async #listen(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const client = new Client({ connectionString: this.#url, keepAlive: true });
      this.#client = client;
      const lost = new Promise<void>((resolve) => {
        client.on('error', () => resolve());
        client.on('end', () => resolve());
      });
      client.on('notification', ({ channel, payload }) => this.#handlers.get(channel)?.notified(payload ?? ''));
      try {
        await client.connect();
        for (const channel of this.#handlers.keys()) await client.query(`listen ${channel}`);
        for (const handler of this.#handlers.values()) handler.reconnected();
        await lost;
      } catch (error) {
        this.#logger.warn({ error }, 'the connection for notifications failed');
      }
      await client.end().catch(() => {});
      await sleep(reconnectMs, undefined, { signal: this.#closing.signal }).catch(() => {});
    }
  }
}
