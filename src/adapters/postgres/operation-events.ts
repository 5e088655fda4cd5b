import type { OperationEvents } from '../../services/operations/ports.ts';
import type { ChannelHandler, PostgresListener } from './postgres-listener.ts';
import { Ticks } from './ticks.ts';

/** Wakes the subscribers of this process, all of them when the connection was away. */
export class PostgresOperationEvents implements OperationEvents, ChannelHandler {
  readonly #listener: PostgresListener;
  readonly #wakers = new Map<string, Set<Ticks>>();

  constructor(deps: { readonly listener: PostgresListener }) {
    this.#listener = deps.listener;
    this.#listener.on('operation_updated', this);
  }

  changes(operationId: string): AsyncIterableIterator<void> {
    this.#listener.start();
    const wakers = this.#wakers.get(operationId) ?? new Set();
    const ticks = new Ticks(() => {
      wakers.delete(ticks);
      if (wakers.size === 0) this.#wakers.delete(operationId);
    });
    this.#wakers.set(operationId, wakers.add(ticks));
    return ticks;
  }

  /** Ends every subscription. */
  async close(): Promise<void> {
    for (const ticks of [...this.#wakers.values()].flatMap((set) => [...set])) await ticks.return();
  }

  notified(operationId: string): void {
    this.#wake(operationId);
  }

  reconnected(): void {
    for (const operationId of this.#wakers.keys()) this.#wake(operationId);
  }

  #wake(operationId: string): void {
    for (const ticks of this.#wakers.get(operationId) ?? []) ticks.tick();
  }
}
