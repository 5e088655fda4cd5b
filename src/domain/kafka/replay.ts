import { LinewardError } from '../../errors/lineward-error.ts';

/** From where a stream reads again. */
export type ReplayStart =
  | { readonly kind: 'EARLIEST' }
  | { readonly kind: 'TIMESTAMP'; readonly at: Date }
  /** Partitions that are not named go on where they are. */
  | { readonly kind: 'OFFSETS'; readonly offsets: readonly PartitionOffset[] };

export interface PartitionOffset {
  readonly partition: number;
  /** Decimal text. */
  readonly offset: string;
}

/** One partition of the source as it stands. */
export interface SourcePartition {
  readonly partition: number;
  readonly earliest: bigint;
  /** Where the stream goes on; null if it has not read the partition yet, so that there is nothing to read again. */
  readonly position: bigint | null;
  /** First offset of the time that was asked for. */
  readonly atTime: bigint | null;
}

/** Where a partition of the stream was, and where it goes on. */
export interface ReplayStep {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * The steps back that a replay takes: never forward, because what is skipped is never protected.
 * @throws LinewardError BAD_INPUT for offsets that are not there, or not yet read.
 */
export function replaySteps(start: ReplayStart, partitions: readonly SourcePartition[]): readonly ReplayStep[] {
  const asked = start.kind === 'OFFSETS' ? askedOffsets(start.offsets, partitions) : null;
  return partitions.flatMap(({ partition, earliest, position, atTime }) => {
    const to = asked === null ? (start.kind === 'TIMESTAMP' ? atTime : earliest) : (asked.get(partition) ?? null);
    return position === null || to === null || to >= position ? [] : [{ partition, from: position, to }];
  });
}

function askedOffsets(
  offsets: readonly PartitionOffset[],
  partitions: readonly SourcePartition[],
): ReadonlyMap<number, bigint> {
  const known = new Map(partitions.map((one) => [one.partition, one]));
  const asked = new Map<number, bigint>();
  for (const [index, { partition, offset }] of offsets.entries()) {
    const path = ['from', 'offsets', String(index)];
    const there = known.get(partition);
    if (there === undefined)
      throw bad([...path, 'partition'], `the source has ${partitions.length} partition(s), from 0`);
    if (asked.has(partition)) throw bad([...path, 'partition'], 'the partition is named twice');
    if (!/^\d{1,19}$/u.test(offset)) throw bad([...path, 'offset'], 'must be a whole number of at most 19 digits');
    const to = BigInt(offset);
    if (to < there.earliest) throw bad([...path, 'offset'], `the partition begins at ${there.earliest}`);
    if (to > (there.position ?? there.earliest))
      throw bad(
        [...path, 'offset'],
        `the stream has not read beyond ${there.position ?? there.earliest}; a replay goes back`,
      );
    asked.set(partition, to);
  }
  return asked;
}

const bad = (path: readonly string[], text: string): LinewardError =>
  new LinewardError('BAD_INPUT', `${path.join('.')}: ${text}`, { path });
