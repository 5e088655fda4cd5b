import { type OffsetAnswer, type ProtocolRequest, readTopics, type TopicPartitions } from './requests.ts';
import { WireReader, WireWriter } from './wire.ts';

/** Groups whose coordinator is the broker that is asked. */
export const listGroups = (): ProtocolRequest<{ readonly error: number; readonly groups: readonly string[] }> => ({
  name: 'ListGroups',
  apiKey: 16,
  apiVersion: 1,
  body: Buffer.alloc(0),
  read: (answer) => {
    answer.int32();
    const error = answer.int16();
    const groups = answer.list(() => {
      const group = answer.text() ?? '';
      answer.text();
      return group;
    });
    return { error, groups };
  },
});

export interface GroupAnswer {
  readonly error: number;
  readonly group: string;
  readonly state: string;
  readonly protocolType: string;
  readonly members: readonly {
    readonly id: string;
    readonly clientId: string;
    readonly host: string;
    readonly assignment: Buffer;
  }[];
}

export const describeGroups = (groups: readonly string[]): ProtocolRequest<readonly GroupAnswer[]> => ({
  name: 'DescribeGroups',
  apiKey: 15,
  apiVersion: 1,
  body: (() => {
    const body = new WireWriter();
    return body.list(groups, (group) => body.text(group)).bytes;
  })(),
  read: (answer) => {
    answer.int32();
    return answer.list(() => {
      const facts = { error: answer.int16(), group: answer.text() ?? '', state: answer.text() ?? '' };
      const protocolType = answer.text() ?? '';
      answer.text();
      const members = answer.list(() => {
        const member = { id: answer.text() ?? '', clientId: answer.text() ?? '', host: answer.text() ?? '' };
        answer.bytes();
        return { ...member, assignment: answer.bytes() ?? Buffer.alloc(0) };
      });
      return { ...facts, protocolType, members };
    });
  },
});

/** All offsets that a group has committed. */
export const fetchOffsets = (
  group: string,
): ProtocolRequest<{ readonly error: number; readonly offsets: readonly OffsetAnswer[] }> => ({
  name: 'OffsetFetch',
  apiKey: 9,
  apiVersion: 3,
  body: new WireWriter().text(group).list(null, () => undefined).bytes,
  read: (answer) => {
    answer.int32();
    const offsets = readTopics(answer, () => {
      const facts = { partition: answer.int32(), offset: answer.int64() };
      answer.text();
      return { ...facts, error: answer.int16() };
    });
    return { offsets, error: answer.int16() };
  },
});

/** Partitions by topic that a member has been given, as consumers write it. */
export function readAssignment(bytes: Buffer): TopicPartitions {
  const reader = new WireReader(bytes);
  reader.int16();
  return new Map(reader.list(() => [reader.text() ?? '', reader.list(() => reader.int32())] as const));
}
