import { OffsetMap, type Positions } from '../../domain/kafka/offset-map.ts';
import { sourceHeader, sourceOffset } from '../../domain/kafka/topic-generation.ts';
import type { MovedGroup, TopicRewriteRow } from '../../entities/topic-rewrite.entity.ts';
import type { KafkaGateway } from './ports.ts';

/** Translates positions in a topic into positions in its next generation, by reading what the copies say of themselves. */
export async function translated<Name>(
  kafka: Pick<KafkaGateway, 'scan' | 'offsets'>,
  row: Pick<TopicRewriteRow, 'source' | 'generation'>,
  positions: ReadonlyMap<Name, Positions>,
  signal: AbortSignal,
): Promise<ReadonlyMap<Name, Positions>> {
  if (positions.size === 0) return new Map();
  const ends = await kafka.offsets(row.generation);
  const map = new OffsetMap(
    positions.values(),
    new Map(ends.map(({ partition, latest }) => [partition, BigInt(latest)])),
  );
  const add = ({ partition, offset, headers }: Parameters<Parameters<KafkaGateway['scan']>[1]>[0]) =>
    map.add(partition, BigInt(offset), sourceOffset(headers[sourceHeader], row.source));
  await kafka.scan(row.generation, add, signal);
  return new Map([...positions].map(([name, one]) => [name, map.translate(one)]));
}

export const toTexts = (positions: Positions): Map<number, string> =>
  new Map([...positions].map(([partition, offset]) => [partition, String(offset)]));

export const toBigInts = (offsets: ReadonlyMap<number, string>): Positions =>
  new Map([...offsets].map(([partition, offset]) => [partition, BigInt(offset)]));

export function movedGroup(group: string, from: Positions, to: Positions): MovedGroup {
  const partitions = [...from].map(([partition, offset]) => {
    return { partition, from: String(offset), to: String(to.get(partition) ?? 0n) };
  });
  return { group, partitions };
}
