import type { ReadRange } from '../../domain/transform/run-state.ts';
import type { KafkaGateway, KafkaMessage } from '../kafka/ports.ts';
import { type IntakeSink, LineIntake } from './line-intake.ts';
import type { SourceRecords } from './source-records.ts';

/** Offsets between two words of how far it is. */
const passedEach = 1_000;

/** Reads the ranges of one topic. */
export async function takeIn(
  deps: { readonly kafka: Pick<KafkaGateway, 'scan'>; readonly source: SourceRecords; readonly signal: AbortSignal },
  ranges: readonly ReadRange[],
  sink: IntakeSink,
): Promise<void> {
  const [first] = ranges;
  if (first === undefined) return;
  const intake = new LineIntake(deps.source, sink);
  let passed = 0;
  const take = async (message: KafkaMessage): Promise<void> => {
    await intake.take(message);
    await intake.passed(passed);
    passed = 0;
  };
  const from = new Map(ranges.map((range) => [range.partition, BigInt(range.from)]));
  const to = new Map(ranges.map((range) => [range.partition, BigInt(range.to)]));
  const of = (message: KafkaMessage): Promise<void> | undefined => {
    const range = { from: from.get(message.partition), to: to.get(message.partition) };
    const offset = BigInt(message.offset);
    // A partition that was added since, and what a scan reads beyond the range, is of the next run.
    const isOurs = range.from !== undefined && range.to !== undefined && offset >= range.from && offset < range.to;
    if (!isOurs) return undefined;
    passed += 1;
    return passed >= passedEach ? take(message) : intake.take(message);
  };
  await deps.kafka.scan(first.topic, of, deps.signal, { from, to });
  await intake.passed(passed);
  await intake.end();
}
