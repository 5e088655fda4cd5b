import { createHash } from 'node:crypto';

/** A range of one partition of a topic, both ends included. */
export interface LandedRange {
  readonly topic: string;
  readonly partition: number;
  readonly firstOffset: bigint;
  readonly lastOffset: bigint;
}

const offsetDigits = 20;
const topicCharsMax = 120;

/** `<topic>-<partition>-<first>-<last>`: the same batch has the same name whoever lands it. */
export function landedName({ topic, partition, firstOffset, lastOffset }: LandedRange): string {
  const [first, last] = [firstOffset, lastOffset].map((offset) => offset.toString().padStart(offsetDigits, '0'));
  return `${topicName(topic)}-${partition}-${first}-${last}`;
}

/** First offset of a file whose name `landedName` made for that partition of that topic, whatever follows; else null. */
export function landedOffset(name: string, source: Pick<LandedRange, 'topic' | 'partition'>): bigint | null {
  const prefix = `${topicName(source.topic)}-${source.partition}-`;
  if (!name.startsWith(prefix)) return null;
  // The fixed width keeps partition 2 of topic `a-1` apart from partition 1 of topic `a`.
  const first = /^(\d{20})-\d{20}\./u.exec(name.slice(prefix.length))?.[1];
  return first === undefined ? null : BigInt(first);
}

/**
 * A topic as part of a file name. A leading dot or underscore would hide the file from lake tools, and from every
 * erasure; a name that had to be changed carries a hash, so that two topics never share one.
 */
function topicName(topic: string): string {
  const plain = topic
    .replaceAll(/[^A-Za-z0-9._-]/gu, '_')
    .replace(/^[._]+/u, '')
    .slice(0, topicCharsMax);
  return plain === topic ? plain : `${plain}~${createHash('sha256').update(topic).digest('hex').slice(0, 8)}`;
}
