/** What WebSockets may take of a process. A connection is some 20 kB; an operation of one may wait for events for days. */
export const socketLimits = {
  /** Connections of all actors together. */
  connections: 5_000,
  connectionsOfActor: 500,
  /** Connections of which nobody knows yet whose they are: of all, and from one address. They have 3 seconds to say it. */
  unknown: 1_000,
  unknownOfAddress: 100,
  /** Operations under way at a time. */
  operationsOfConnection: 100,
} as const;

/** Counts connections, first by the address that they come from, then by whose they are. A connection is known by an object of its own. */
export class OpenSockets {
  readonly #unknown = new Count();
  readonly #known = new Count();

  /** Whether another connection may begin that comes from there. */
  mayBegin(address: string): boolean {
    if (this.#known.all >= socketLimits.connections || this.#unknown.all >= socketLimits.unknown) return false;
    return this.#unknown.of(address) < socketLimits.unknownOfAddress;
  }

  begin(connection: object, address: string): void {
    this.#unknown.add(connection, address);
  }

  /** False, and counted as unknown still, where the actor has as many as it may. */
  open(connection: object, actorId: string): boolean {
    if (this.#known.of(actorId) >= socketLimits.connectionsOfActor) return false;
    this.#unknown.remove(connection);
    this.#known.add(connection, actorId);
    return true;
  }

  /** Counts it no more; nothing happens to one that was not counted. */
  close(connection: object): void {
    this.#unknown.remove(connection);
    this.#known.remove(connection);
  }
}

/** Things by the name of whose they are. */
class Count {
  readonly #names = new WeakMap<object, string>();
  readonly #counts = new Map<string, number>();
  all = 0;

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(thing: object, name: string): void {
    this.#names.set(thing, name);
    this.#counts.set(name, this.of(name) + 1);
    this.all += 1;
  }

  remove(thing: object): void {
    const name = this.#names.get(thing);
    if (name === undefined) return;
    this.#names.delete(thing);
    this.all -= 1;
    const count = this.of(name) - 1;
    if (count === 0) this.#counts.delete(name);
    else this.#counts.set(name, count);
  }
}
