import type { KafkajsGateway } from '../../src/adapters/kafka/kafkajs-gateway.ts';
import type { KafkaMessage } from '../../src/services/kafka/ports.ts';

/** What a topic holds that each of `0…total-1` should be in once, in the order of its partition. */
export interface Census {
  readonly missing: number;
  readonly doubled: number;
  /** Records that stand behind a later one of their partition. */
  readonly outOfOrder: number;
  readonly records: number;
}

/** Counts the numbers that messages carry. */
export async function census(
  gateway: KafkajsGateway,
  topic: string,
  total: number,
  numberOf: (message: KafkaMessage) => number,
): Promise<Census> {
  const seen = new Uint8Array(total);
  const last = new Map<number, number>();
  let [outOfOrder, records] = [0, 0];
  await gateway.scan(topic, (message) => {
    const n = numberOf(message);
    records += 1;
    seen[n] = (seen[n] ?? 0) + 1;
    if (n <= (last.get(message.partition) ?? -1)) outOfOrder += 1;
    last.set(message.partition, n);
  });
  const count = (is: (times: number) => boolean) => seen.reduce((sum, times) => sum + (is(times) ? 1 : 0), 0);
  return { missing: count((times) => times === 0), doubled: count((times) => times > 1), outOfOrder, records };
}
