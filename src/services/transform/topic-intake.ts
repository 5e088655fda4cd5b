import type { ReadRange } from '../../domain/transform/run-state.ts';
import type { KafkaGateway, KafkaMessage } from '../kafka/ports.ts';
import type { RejectCode } from './ports.ts';
import type { SourceRecords } from './source-records.ts';

/** Records that are looked up, protected and written at a time. */
const recordsPerBatch = 1_000;
/** Characters of lines that the engine shapes at a time. */
const chunkChars = 24 * 1024 * 1024;

/** What is made of a part of a topic. */
export interface IntakeSink {
  /** Lines for the engine. */
  chunk(lines: readonly string[]): Promise<void>;
  rejected(code: RejectCode, places: readonly string[]): void;
  /** After each batch; `offsets` how many of the plan are passed. */
  progress(counts: { readonly read: number; readonly suppressed: number; readonly offsets: number }): Promise<void>;
}

/** Reads the ranges of one topic and hands over chunks of lines; memory does not grow with what is read. */
export async function takeIn(
  deps: { readonly kafka: Pick<KafkaGateway, 'scan'>; readonly source: SourceRecords; readonly signal: AbortSignal },
  ranges: readonly ReadRange[],
  sink: IntakeSink,
): Promise<void> {
  const [first] = ranges;
  if (first === undefined) return;
  let messages: KafkaMessage[] = [];
  let lines: string[] = [];
  let chars = 0;
  const flush = async (): Promise<void> => {
    const some = messages;
    messages = [];
    const made = await deps.source.lines(some);
    for (const line of made.lines) {
      lines.push(line);
      chars += line.length;
    }
    for (const [code, places] of made.rejected) sink.rejected(code, places);
    if (chars >= chunkChars) await hand();
    await sink.progress({ read: made.read, suppressed: made.suppressed, offsets: some.length });
  };
  const hand = async (): Promise<void> => {
    const some = lines;
    [lines, chars] = [[], 0];
    if (some.length > 0) await sink.chunk(some);
  };
  const take = (message: KafkaMessage): Promise<void> | undefined => {
    messages.push(message);
    return messages.length >= recordsPerBatch ? flush() : undefined;
  };
  const from = new Map(ranges.map((range) => [range.partition, BigInt(range.from)]));
  const to = new Map(ranges.map((range) => [range.partition, BigInt(range.to)]));
  const of = (message: KafkaMessage) => {
    const range = { from: from.get(message.partition), to: to.get(message.partition) };
    const offset = BigInt(message.offset);
    // A partition that was added since, and what a scan reads beyond the range, is of the next run.
    const isOurs = range.from !== undefined && range.to !== undefined && offset >= range.from && offset < range.to;
    return isOurs ? take(message) : undefined;
  };
  await deps.kafka.scan(first.topic, of, deps.signal, { from, to });
  await flush();
  await hand();
}
