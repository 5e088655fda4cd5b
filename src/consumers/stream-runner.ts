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
 * stops at its next batch boundary. A broker that is away is tried again for ever.
 */
export class StreamRunner {
  readonly #kafka: KafkaGateway;
  readonly #streams: StreamReadModel;
  readonly #starters: Readonly<Record<RunnableStream['kind'], StreamStarter>>;
  readonly #logger: Logger;
  readonly #running = new Map<string, RunningStream>();
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
      if (wanted.has(id)) continue;
      this.#running.delete(id);
      await running.stop();
      this.#logger.info({ streamId: id }, 'stream stopped');
    }
    for (const [id, stream] of wanted) {
      if (this.#running.has(id) || this.#stopping.signal.aborted) continue;
      try {
        this.#running.set(id, await this.#starters[stream.kind](stream, this.#kafka, groupOf(id)));
        this.#logger.info(
          { streamId: id, kind: stream.kind, source: stream.source.name, target: stream.targetName },
          'stream started',
        );
      } catch (error) {
        this.#logger.warn(
          { streamId: id, code: toLinewardError(error).code },
          'stream could not be started; it is tried again',
        );
      }
    }
  }
}
