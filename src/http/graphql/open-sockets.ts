/** What WebSockets may take of a process. A connection is some 20 kB; an operation of one may wait for events for days. */
export const socketLimits = {
  /** Connections, of all together and before anybody knows whose they are. */
  connections: 5_000,
  connectionsOfActor: 500,
  /** Operations under way at a time. */
  operationsOfConnection: 100,
} as const;

/** Counts the connections of each actor. A connection is known by an object of its own. */
export class OpenSockets {
  readonly #actors = new WeakMap<object, string>();
  readonly #counts = new Map<string, number>();

  /** False, and not counted, where the actor has as many as it may. */
  open(connection: object, actorId: string): boolean {
    const count = this.#counts.get(actorId) ?? 0;
    if (count >= socketLimits.connectionsOfActor) return false;
    this.#actors.set(connection, actorId);
    this.#counts.set(actorId, count + 1);
    return true;
  }

  /** Counts it no more; nothing happens to one that was not counted. */
  close(connection: object): void {
    const actorId = this.#actors.get(connection);
    if (actorId === undefined) return;
    this.#actors.delete(connection);
    const count = (this.#counts.get(actorId) ?? 1) - 1;
    if (count === 0) this.#counts.delete(actorId);
    else this.#counts.set(actorId, count);
  }
}
