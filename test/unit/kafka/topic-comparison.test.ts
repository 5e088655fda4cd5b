import { describe, expect, it } from 'vitest';
import type { SubjectSelector } from '../../../src/domain/governance/selection.ts';
import { sourceHeader } from '../../../src/domain/kafka/topic-generation.ts';
import type { KafkaMessage, ScanRange } from '../../../src/services/kafka/ports.ts';
import { TopicComparison } from '../../../src/services/kafka/topic-comparison.ts';
import type { CopyWork } from '../../../src/services/kafka/topic-copy.ts';
import { TopicErasure } from '../../../src/services/kafka/topic-erasure.ts';
import { bareRecords } from '../../testkit/records.ts';

const message = (offset: number, account: string, more: Partial<KafkaMessage> = {}): KafkaMessage => ({
  partition: 0,
  offset: String(offset),
  timestamp: '1',
  key: null,
  value: Buffer.from(JSON.stringify({ account })),
  headers: {},
  ...more,
});
/** Copies of messages, in this order. */
const copies = (...originals: readonly KafkaMessage[]): KafkaMessage[] =>
  originals.map((original, index) => ({
    ...original,
    offset: String(index),
    headers: { ...original.headers, [sourceHeader]: Buffer.from(`old@${original.offset}`) },
  }));

const fields = { accountField: 'account', subjectFields: [] };
const erasing = new TopicErasure(bareRecords, fields);
const changing = {
  ...erasing,
  erases: false,
  mark: null,
  fates: erasing.fates.bind(erasing),
  concerns: erasing.concerns.bind(erasing),
};

async function compared(
  topics: { readonly old: readonly KafkaMessage[]; readonly new: readonly KafkaMessage[] },
  action = erasing as CopyWork['action'],
  keep: readonly SubjectSelector[] = [],
) {
  const kafka = {
    offsets: async () => [{ partition: 0, earliest: '0', latest: '10' }],
    scan: async (
      topic: string,
      each: (one: KafkaMessage) => unknown,
      _signal: unknown,
      { from, to }: ScanRange = {},
    ) => {
      for (const one of topic === 'old' ? topics.old : topics.new) {
        const offset = BigInt(one.offset);
        if (offset >= (from?.get(0) ?? 0n) && offset < (to?.get(0) ?? 99n)) await each(one);
      }
    },
  };
  const context = {
    requested: async () => ({ act: [{ accountId: 'AC1' }], keep: [] }),
    selectionNow: async () => ({ act: [{ accountId: 'AC1' }], keep }),
    lease: { assertHeld: async () => undefined },
    signal: new AbortController().signal,
  };
  const row = { source: 'old', generation: 'new' };
  const work = { kafka, context, row, action } as unknown as CopyWork;
  return (await new TopicComparison(work, { 0: '10' }).run()).partitions[0];
}

const [one, two, three] = [message(0, 'AC1'), message(1, 'AC2'), message(2, 'AC3')];

describe('comparing a topic with its copy', () => {
  it('finds what was asked for gone, and all else equal', async () => {
    expect(await compared({ old: [one, two, three], new: copies(two, three) })).toMatchObject({
      records: 3,
      erased: 1,
      same: 2,
      lost: 0,
    });
  });

  it('finds what is missing', async () => {
    expect(await compared({ old: [one, two, three], new: copies(three) })).toMatchObject({
      erased: 1,
      same: 1,
      lost: 1,
    });
  });

  it.each([
    ['value', { value: Buffer.from('{"account":"AC9"}') }],
    ['key', { key: Buffer.from('K') }],
    ['timestamp', { timestamp: '2' }],
    ['header', { headers: { trace: Buffer.from('t') } }],
  ])('finds another %s', async (_what, other) => {
    expect(await compared({ old: [two], new: copies({ ...two, ...other }) })).toMatchObject({ same: 0, lost: 1 });
  });

  it('finds another order, and a record that is there twice', async () => {
    expect(await compared({ old: [two, three], new: copies(three, two) })).toMatchObject({ same: 1, lost: 1 });
    expect(await compared({ old: [two], new: copies(two, two) })).toMatchObject({ same: 1, lost: 1 });
  });

  it('does not miss what has left the old topic since, nor mind what is no copy', async () => {
    const others = [message(7, 'AC8'), message(8, 'AC9', { headers: { [sourceHeader]: Buffer.from('other@2') } })];
    expect(await compared({ old: [three], new: [...copies(two, three), ...others] })).toMatchObject({
      records: 1,
      same: 1,
      lost: 0,
    });
  });

  it('lets a value change where it was to change, and nothing else of the record', async () => {
    const changed = { ...one, value: Buffer.from('{"account":"AC1","sealed":true}') };
    expect(await compared({ old: [one, two], new: copies(changed, two) }, changing)).toMatchObject({
      changed: 1,
      same: 1,
      lost: 0,
    });
    expect(await compared({ old: [one], new: copies({ ...changed, timestamp: '2' }) }, changing)).toMatchObject({
      lost: 1,
    });
    expect(await compared({ old: [one], new: copies(one) }, changing)).toMatchObject({ unchanged: 1, lost: 0 });
    expect(await compared({ old: [one], new: [] }, changing)).toMatchObject({ lost: 1 });
  });

  it('tells apart what a hold keeps by now and the new topic does not have as it was', async () => {
    const held = [{ accountId: 'AC1' }];
    const changed = { ...one, value: Buffer.from('{"account":"AC1","sealed":true}') };
    const counted = { erased: 0, changed: 0, lost: 0 };
    expect(await compared({ old: [one, two], new: copies(two) }, erasing, held)).toMatchObject({
      ...counted,
      keptOut: 1,
    });
    expect(await compared({ old: [one], new: copies(changed) }, changing, held)).toMatchObject({
      ...counted,
      keptOut: 1,
    });
    expect(await compared({ old: [one, two], new: copies(one, two) }, erasing, held)).toMatchObject({
      ...counted,
      same: 2,
      unchanged: 1,
      keptOut: 0,
    });
  });
});
