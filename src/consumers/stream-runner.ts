import { setTimeout as sleep } from 'node:timers/promises';
import { groupOf } from '../domain/kafka/stream-name.ts';
import type { Logger } from '../domain/logger.ts';
import { toLinewardError } from '../errors/lineward-error.ts';
import type { KafkaGateway, RunningStream } from '../services/kafka/ports.ts';
import type { RunnableStream, StreamReadModel } from '../services/kafka/stream.read-model.ts';

const pollMs = 1_000;

/** Starts one kind of stream. */
export type StreamStarter = (stream: RunnableStream, kafka: KafkaGateway, group: string) => Promise<RunningStream>;

/**
 * Runs the streams that the catalog says should run: what is declared or resumed starts within a second, what is paused
 * stops at its next batch boundary, and what reads or writes another generation of a topic now starts anew. A broker that is away is tried again for ever.
 */
export class StreamRunner {
  readonly #kafka: KafkaGateway;
  readonly #streams: StreamReadModel;
  readonly #starters: Readonly<Record<RunnableStream['kind'], StreamStarter>>;
  readonly #logger: Logger;
  readonly #running = new Map<string, RunningStream & { readonly way: string }>();
  readonly #starting = new Set<string>();
  readonly #stopping = new AbortController();
  #loop: Promise<void> | null = null;

  constructor(deps: {
    readonly kafka: KafkaGateway;
    readonly streams: StreamReadModel;
    readonly starters: Readonly<Record<RunnableStream['kind'], StreamStarter>>;
    readonly logger: Logger;
  }) {
    this.#kafka = deps.kafka;
    this.#streams = deps.streams;
    this.#starters = deps.starters;
    this.#logger = deps.logger;
  }

  start(): void {
    if (this.#kafka.configured) this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await Promise.all([...this.#running.values()].map((stream) => stream.stop()));
  }

  /** Faults of running streams by stream id. */
  get faults(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      [...this.#running].flatMap(([id, stream]) => (stream.fault === null ? [] : [[id, stream.fault]])),
    );
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#reconcile().catch((error: unknown) =>
        this.#logger.warn({ error }, 'streams could not be read from the catalog'),
      );
      await sleep(pollMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
  }

  async #reconcile(): Promise<void> {
    const wanted = new Map(
      (await this.#streams.runnable())
        .filter(({ source }) => source.namespace.startsWith('kafka://'))
        .map((stream) => [stream.id, stream]),
    );
    for (const [id, running] of this.#running) {
      const stream = wanted.get(id);
      if (stream !== undefined && wayOf(stream) === running.way) continue;
      this.#running.delete(id);
      await running.stop();
      this.#logger.info({ streamId: id }, 'stream stopped');
    }
    for (const [id, stream] of wanted) {
      if (!this.#running.has(id) && !this.#starting.has(id)) void this.#start(stream);
    }
  }

  /** Beside the loop, so that a broker which does not answer holds up neither the other streams nor the stop. */
  async #start(stream: RunnableStream): Promise<void> {
    const { id, kind, source, targetName } = stream;
    this.#starting.add(id);
    try {
      const running = await this.#starters[kind](stream, this.#kafka, groupOf(id));
      if (this.#stopping.signal.aborted) return await running.stop();
      this.#running.set(id, onWay(running, wayOf(stream)));
      this.#logger.info({ streamId: id, kind, source: source.name, target: targetName }, 'stream started');
    } catch (error) {
      const { code } = toLinewardError(error);
      this.#logger.warn({ streamId: id, code }, 'stream could not be started; it is tried again');
    } finally {
      this.#starting.delete(id);
    }
  }
}

const wayOf = ({ source, targetName }: RunnableStream): string => JSON.stringify([source.name, targetName]);

function onWay(running: RunningStream, way: string): RunningStream & { readonly way: string } {
  return {
    way,
    get fault() {
      return running.fault;
    },
    stop: () => running.stop(),
  };
}
