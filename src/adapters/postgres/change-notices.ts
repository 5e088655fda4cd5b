import type { ChangeNotices } from '../../services/changes/ports.ts';
import type { ChannelHandler, PostgresListener } from './postgres-listener.ts';
import { Ticks } from './ticks.ts';

/** Wakes all who follow the change feed in this process, also when the connection was away. */
export class PostgresChangeNotices implements ChangeNotices, ChannelHandler {
  readonly #listener: PostgresListener;
  readonly #following = new Set<Ticks>();

  constructor(deps: { readonly listener: PostgresListener }) {
    this.#listener = deps.listener;
    this.#listener.on('change_sealed', this);
  }

  notices(): AsyncIterableIterator<void> {
    this.#listener.start();
    const ticks = new Ticks(() => this.#following.delete(ticks));
    this.#following.add(ticks);
    return ticks;
  }

  /** Ends whatever follows. */
  async close(): Promise<void> {
    for (const ticks of [...this.#following]) await ticks.return();
  }

  notified(): void {
    for (const ticks of this.#following) ticks.tick();
  }

  reconnected(): void {
    this.notified();
  }
}
