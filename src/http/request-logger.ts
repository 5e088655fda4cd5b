import type { FastifyBaseLogger } from 'fastify';

type Line = [facts: object, message?: string];

/**
 * The logger of one request, made when its first line is written: most requests write none, and making one takes longer
 * than answering from a cache.
 */
export class RequestLogger {
  readonly #parent: FastifyBaseLogger;
  readonly #bindings: Parameters<FastifyBaseLogger['child']>[0];
  #own: FastifyBaseLogger | undefined;

  constructor(parent: FastifyBaseLogger, bindings: Parameters<FastifyBaseLogger['child']>[0]) {
    this.#parent = parent;
    this.#bindings = bindings;
  }

  get level(): string {
    return this.#parent.level;
  }

  fatal(...line: Line): void {
    this.#made().fatal(...line);
  }

  error(...line: Line): void {
    this.#made().error(...line);
  }

  warn(...line: Line): void {
    this.#made().warn(...line);
  }

  info(...line: Line): void {
    this.#made().info(...line);
  }

  debug(...line: Line): void {
    this.#made().debug(...line);
  }

  trace(...line: Line): void {
    this.#made().trace(...line);
  }

  silent(): void {}

  child(...given: Parameters<FastifyBaseLogger['child']>): FastifyBaseLogger {
    return this.#made().child(...given);
  }

  #made(): FastifyBaseLogger {
    this.#own ??= this.#parent.child(this.#bindings);
    return this.#own;
  }
}
