import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '../domain/id.ts';
import { groupOf } from '../domain/kafka/stream-name.ts';
import { noWork, type StreamReport, StreamTally, type StreamWork, workSince } from '../domain/kafka/stream-report.ts';
import type { Logger } from '../domain/logger.ts';
import { toLinewardError } from '../errors/lineward-error.ts';
import type { KafkaGateway, RunningStream } from '../services/kafka/ports.ts';
import type { RunnableStream, StreamReadModel } from '../services/kafka/stream.read-model.ts';
import type { StreamActivity } from '../services/kafka/stream-activity.ts';

const pollMs = 1_000;

/** Starts one kind of stream. */
export type StreamStarter = (
  stream: RunnableStream,
  kafka: KafkaGateway,
  way: { readonly group: string; readonly tally: StreamTally },
) => Promise<RunningStream>;

/** A stream that this process has run, or tries to run. */
interface StreamHere {
  readonly tally: StreamTally;
  /** What was told of the tally. */
  told: StreamWork;
  isStarting: boolean;
  running: RunningStream | null;
  /** The topics that it was started for. */
  way: string;
  /** Why it could not be started. */
  refusal: string | null;
  fault: StreamReport['fault'];
}

/** What this process does for a stream, since it began. */
export interface StreamHereReport extends StreamReport {
  readonly partitions: readonly number[];
}

/**
 * Runs the streams that the catalog says should run: what is declared or resumed starts within a second, what is paused
 * stops at its next batch boundary, and what reads or writes another generation of a topic now starts anew. A broker that is away is tried again for ever.
 */
export class StreamRunner {
  readonly #kafka: KafkaGateway;
  readonly #streams: StreamReadModel;
  readonly #activity: Pick<StreamActivity, 'tell' | 'leave'>;
  readonly #starters: Readonly<Record<RunnableStream['kind'], StreamStarter>>;
  readonly #logger: Logger;
  readonly #processId = newId();
  readonly #here = new Map<string, StreamHere>();
  /** Streams that this process runs no more, which is not told yet. */
  readonly #ended = new Set<string>();
  readonly #stopping = new AbortController();
  #loop: Promise<void> | null = null;

  constructor(deps: {
    readonly kafka: KafkaGateway;
    readonly streams: StreamReadModel;
    readonly activity: Pick<StreamActivity, 'tell' | 'leave'>;
    readonly starters: Readonly<Record<RunnableStream['kind'], StreamStarter>>;
    readonly logger: Logger;
  }) {
    this.#kafka = deps.kafka;
    this.#streams = deps.streams;
    this.#activity = deps.activity;
    this.#starters = deps.starters;
    this.#logger = deps.logger;
  }

  start(): void {
    if (this.#kafka.configured) this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await Promise.all([...this.#here.values()].map(({ running }) => running?.stop()));
    if (this.#loop === null) return;
    await this.#tell().catch(() => undefined);
    await this.#activity.leave(this.#processId, [...this.#here.keys()]).catch(() => undefined);
  }

  /** Faults of the streams of this process by stream id. */
  get faults(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      [...this.#here].flatMap(([id, { running, refusal }]) => {
        const fault = running?.fault ?? refusal;
        return fault === null ? [] : [[id, fault]];
      }),
    );
  }

  /** All streams that the process has run, with what it has carried for them since it began. */
  get reports(): readonly StreamHereReport[] {
    return [...this.#here].map(([streamId, { fault, tally, running }]) => {
      return { streamId, fault, work: tally.sum, partitions: running?.partitions ?? [] };
    });
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#reconcile().catch((error: unknown) =>
        this.#logger.warn({ error }, 'streams could not be read from the catalog'),
      );
      await this.#tell().catch((error: unknown) =>
        this.#logger.warn({ error }, 'what streams have done could not be written down'),
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
    const others = [...this.#here].filter(([id, here]) => {
      const stream = wanted.get(id);
      const isAtWork = here.running !== null || here.refusal !== null;
      return isAtWork && (stream === undefined || wayOf(stream) !== here.way);
    });
    await Promise.all(others.map(([id, here]) => this.#end(id, here)));
    for (const [id, stream] of wanted) {
      const here = this.#here.get(id) ?? hereFor();
      this.#here.set(id, here);
      if (here.running === null && !here.isStarting) void this.#start(stream, here);
    }
  }

  async #end(id: string, here: StreamHere): Promise<void> {
    const { running } = here;
    here.running = null;
    here.refusal = null;
    this.#ended.add(id);
    if (running === null) return;
    await running.stop();
    this.#logger.info({ streamId: id }, 'stream stopped');
  }

  /** Beside the loop, so that a broker which does not answer holds up neither the other streams nor the stop. */
  async #start(stream: RunnableStream, here: StreamHere): Promise<void> {
    const { id, kind, source, targetName } = stream;
    here.isStarting = true;
    here.way = wayOf(stream);
    try {
      const running = await this.#starters[kind](stream, this.#kafka, { group: groupOf(id), tally: here.tally });
      if (this.#stopping.signal.aborted) return await running.stop();
      here.running = running;
      here.refusal = null;
      this.#logger.info({ streamId: id, kind, source: source.name, target: targetName }, 'stream started');
    } catch (error) {
      const { code, message } = toLinewardError(error);
      here.refusal = message;
      this.#logger.warn({ streamId: id, code }, 'stream could not be started; it is tried again');
    } finally {
      here.isStarting = false;
    }
  }

  /** What is not told because the database is away is told later. */
  async #tell(): Promise<void> {
    const told = [...this.#here].flatMap(([streamId, here]) => {
      here.fault = faultOf(here);
      const sum = here.tally.sum;
      const work = workSince(sum, here.told);
      const isIdle = here.running === null && !here.isStarting && here.refusal === null && isNone(work);
      return isIdle ? [] : [{ here, sum, report: { streamId, fault: here.fault, work } }];
    });
    await this.#activity.tell(
      this.#processId,
      told.map(({ report }) => report),
    );
    for (const { here, sum } of told) here.told = sum;
    const ended = [...this.#ended].filter((id) => this.#here.get(id)?.running === null);
    if (ended.length > 0) await this.#activity.leave(this.#processId, ended);
    this.#ended.clear();
  }
}

const wayOf = ({ source, targetName }: RunnableStream): string => JSON.stringify([source.name, targetName]);

const hereFor = (): StreamHere => ({
  tally: new StreamTally(),
  told: noWork,
  isStarting: false,
  running: null,
  way: '',
  refusal: null,
  fault: null,
});

function faultOf({ running, refusal, fault }: StreamHere): StreamReport['fault'] {
  const reason = running?.fault ?? refusal;
  return reason === null ? null : { reason, since: fault?.since ?? new Date() };
}

const isNone = ({ passed, setAside, bytes }: StreamWork): boolean => passed + setAside + bytes === 0;
