import type { EntityManager } from '@mikro-orm/postgresql';
import type { KafkajsGateway } from '../../src/adapters/kafka/kafkajs-gateway.ts';
import { groupOf } from '../../src/domain/kafka/stream-name.ts';
import type { TargetReceipt } from '../../src/domain/operations/target.ts';
import { freshTopic, uniqueName } from './kafka.ts';
import { recordOf, seedStream, seedTarget, seedTopic, topicContext, topicExecutor, valuesIn } from './topics.ts';

/** Long enough for a partition to be read in more than one batch. */
const padding = 'x'.repeat(30_000);

/** A third of the records that {@link filledForRewrite} writes. */
export const oneAccount = { act: [{ accountId: 'AC1' }], keep: [] };

/** What comes out of a rewrite of such a topic, whatever befell it. */
export const undisturbedRewrite = {
  recordsErased: 67,
  recordsKept: 133,
  open: ['STREAM_NOT_PLANNED'],
  survivors: 0,
  lost: 0,
  old: null,
} as const;

export type FilledForRewrite = Awaited<ReturnType<typeof filledForRewrite>>;

/** A topic of two partitions, with a protection stream out of it and a group of somebody else. */
export async function filledForRewrite(gateway: KafkajsGateway, em: EntityManager) {
  const name = await freshTopic(gateway, 2, { 'cleanup.policy': 'delete', 'retention.ms': '-1' });
  const messages = Array.from({ length: 200 }, (_, n) => ({
    key: n % 5 === 0 ? null : `K${n}`,
    partition: n % 2,
    timestamp: String(1_700_000_000_000 + n),
    value: recordOf(n % 3 === 0 ? 'AC1' : 'AC2', padding, n),
  }));
  const sent = await gateway.produce(name, messages);
  if (sent.some(({ ok }) => !ok)) throw new Error('not everything was written');
  const topic = await seedTopic(em, name);
  const clean = await seedTopic(em, uniqueName('clean'), topic.entityId);
  const stream = await seedStream(em, { kind: 'PROTECTION', from: topic, to: clean.datasetId });
  const [streamGroup, group] = [groupOf(stream), uniqueName('others')];
  for (const [one, offset] of [
    [streamGroup, '40'],
    [group, '71'],
  ] as const)
    await gateway.topics.commitOffsets(
      one,
      name,
      new Map([
        [0, offset],
        [1, offset],
      ]),
    );
  return { name, topic, target: await seedTarget(em, topic), groups: [streamGroup, group] };
}

/** What the next worker does. */
export async function resumedRewrite(
  gateway: KafkajsGateway,
  em: EntityManager,
  { topic, target }: FilledForRewrite,
): Promise<TargetReceipt> {
  const run = { topic, ...target, selection: oneAccount, fencingToken: 2 };
  return topicExecutor(em, gateway).execute(await topicContext(em, run));
}

export async function outcomeOfRewrite(
  gateway: KafkajsGateway,
  em: EntityManager,
  { name, groups, topic, target, receipt }: FilledForRewrite & { readonly receipt: TargetReceipt },
) {
  const generation = `${name}.g2`;
  // In each partition, the numbers in their order; positions are told as the number of records that are left to read.
  const values = Object.entries(await valuesIn(gateway, generation)).map(([partition, all]) => [
    partition,
    all.map((value) => JSON.parse(value).n),
  ]);
  const { recordsErased, recordsKept, open } = receipt;
  const counts = receipt.evidence.map(({ phase, late, partitions }) => ({ phase, late, partitions }));
  const left = await Promise.all(groups.map((group) => leftFor(gateway, group, generation)));
  const run = { topic, ...target, selection: oneAccount, fencingToken: 2 };
  const { survivors, lost } = await topicExecutor(em, gateway).verify(await topicContext(em, run));
  return {
    values,
    recordsErased,
    recordsKept,
    open: open.map(({ code }) => code),
    counts,
    left,
    survivors,
    lost,
    old: await gateway.describeTopic(name),
  };
}

async function leftFor(gateway: KafkajsGateway, group: string, topic: string): Promise<Record<number, number[]>> {
  const committed = await gateway.committed(group, topic);
  const left: Record<number, number[]> = { 0: [], 1: [] };
  const from = new Map([...committed].map(([partition, offset]) => [partition, BigInt(offset)]));
  await gateway.scan(
    topic,
    ({ partition, value }) => void left[partition]?.push(JSON.parse(String(value)).n),
    undefined,
    { from },
  );
  return left;
}
