import type { KafkaMessage } from '../kafka/ports.ts';
import type { RejectCode } from './ports.ts';
import type { SourceRecords } from './source-records.ts';

/** Records that are looked up, protected and written at a time. */
const recordsPerBatch = 1_000;
/** Characters of lines that the engine shapes at a time. */
const chunkChars = 24 * 1024 * 1024;

/** What is made of a part of a source. */
export interface IntakeSink {
  /** Lines for the engine, with what the files that they are from say is protected in them. */
  chunk(lines: readonly string[], mark: string | null): Promise<void>;
  /** `rows` when there are more than places. */
  rejected(code: RejectCode, places: readonly string[], rows?: number): void;
  /** After each batch; `passed` how many offsets or files of the plan. */
  progress(counts: { readonly read: number; readonly suppressed: number; readonly passed: number }): Promise<void>;
}

/** Makes chunks of lines of records as they come; memory does not grow with what is read. */
export class LineIntake {
  readonly #source: SourceRecords;
  readonly #sink: IntakeSink;
  #messages: KafkaMessage[] = [];
  #lines: string[] = [];
  #chars = 0;
  #mark: string | null = null;

  constructor(source: SourceRecords, sink: IntakeSink) {
    this.#source = source;
    this.#sink = sink;
  }

  /** A promise only where there is something to wait for. */
  take(message: KafkaMessage): Promise<void> | undefined {
    this.#messages.push(message);
    return this.#messages.length >= recordsPerBatch ? this.#flush() : undefined;
  }

  async passed(count: number): Promise<void> {
    await this.#sink.progress({ read: 0, suppressed: 0, passed: count });
  }

  /** What is said to be protected in what comes from here on; no chunk has lines of two marks. */
  async marked(mark: string | null): Promise<void> {
    if (mark === this.#mark) return;
    await this.end();
    this.#mark = mark;
  }

  async end(): Promise<void> {
    await this.#flush();
    await this.#hand();
  }

  async #flush(): Promise<void> {
    const some = this.#messages;
    this.#messages = [];
    const made = await this.#source.lines(some);
    for (const line of made.lines) {
      this.#lines.push(line);
      this.#chars += line.length;
    }
    for (const [code, places] of made.rejected) this.#sink.rejected(code, places);
    if (this.#chars >= chunkChars) await this.#hand();
    await this.#sink.progress({ read: made.read, suppressed: made.suppressed, passed: 0 });
  }

  async #hand(): Promise<void> {
    const some = this.#lines;
    [this.#lines, this.#chars] = [[], 0];
    if (some.length > 0) await this.#sink.chunk(some, this.#mark);
  }
}
