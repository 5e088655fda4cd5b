import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { createLogger } from '../src/adapters/telemetry/logger.ts';
import { buildServices } from '../src/build-services.ts';
import { loadEnv } from '../src/config/env.ts';
import { protectionConsumer } from '../src/consumers/protection.consumer.ts';
import { StreamTally } from '../src/domain/kafka/stream-report.ts';
import { openParts } from '../src/open-parts.ts';
import { MessageProtection } from '../src/services/kafka/protect-messages.ts';
import { MessageGate } from '../src/services/registry/message-gate.ts';
import { freshTopic, uniqueName } from '../test/testkit/kafka.ts';
import { seedTarget, seedTopic, topicContext, topicExecutor } from '../test/testkit/topics.ts';
import { startBroker } from '../tools/kafka/broker.ts';
import { profiled } from './cpu-profile.ts';
import { actor, withPostgres } from './crypto-parts.ts';
import { type Bench, type BenchCase, beside, flag, median } from './harness.ts';
import { bareCopy, clocked, type Run, RunClock } from './kafka-loops.ts';
import { publishedKafkajs } from './published-kafkajs.ts';

const partitions = 6;
const rounds = flag('rounds', 3);
const produceBatch = 500;

/** A record of some 330 bytes, with two telephone numbers, an address and a text. */
const recordOf = (n: number) => ({
  sid: `SM${String(n).padStart(32, '0')}`,
  account: `AC${n % 100}`,
  user: `U${n % 5_000}`,
  date_created: '2026-06-05T10:00:00Z',
  to: `+1415${String(n).padStart(7, '0')}`,
  from: '+351234567890',
  mail: `person.${n}@example.test`,
  status: 'delivered',
  price: n / 7,
  note: 'the quick brown fox jumps over the lazy dog, twice if need be',
});

const field = (name: string, twilio_type?: string) => ({ name, type: 'string', ...(twilio_type && { twilio_type }) });
const documentOf = (name: string, types: { readonly phone?: string; readonly mail?: string }) => ({
  version: '1.0',
  created_by: 'bench',
  namespace: 'Bench',
  schema: {
    name,
    namespace: 'Bench',
    type: 'record',
    fields: [
      ...['sid', 'account', 'user', 'date_created', 'status', 'note'].map((one) => field(one)),
      { name: 'price', type: 'double' },
      field('to', types.phone),
      field('from', types.phone),
      field('mail', types.mail),
    ],
  },
});

async function run(): Promise<readonly BenchCase[]> {
  const brokerDir = await mkdtemp(join(tmpdir(), 'lineward-bench-kafka-'));
  const broker = await startBroker({ dir: brokerDir });
  try {
    const published = await publishedKafkajs(brokerDir);
    return await withPostgres((DATABASE_MIGRATION_URL, dataDir, DATABASE_URL) =>
      withServices(broker.brokers, { DATABASE_URL, DATABASE_MIGRATION_URL }, { dataDir, published }),
    );
  } finally {
    await broker.kill();
    await rm(brokerDir, { recursive: true, force: true });
  }
}

async function withServices(
  brokers: string,
  database: Readonly<Record<string, string>>,
  { dataDir, published }: { readonly dataDir: string; readonly published: typeof kafkajs },
): Promise<readonly BenchCase[]> {
  const env = loadEnv({ KAFKA_BROKERS: brokers, ...database, LINEWARD_DATA_DIR: dataDir, LOG_LEVEL: 'silent' });
  const closers: (() => Promise<void>)[] = [];
  const parts = await openParts(env, createLogger('silent'), (close) => closers.push(close));
  try {
    const services = buildServices(env, createLogger('silent'), parts);
    return await casesOf({ brokers, published }, parts, services);
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

type Parts = Awaited<ReturnType<typeof openParts>>;
type Services = ReturnType<typeof buildServices>;

async function casesOf(
  { brokers, published }: { readonly brokers: string; readonly published: typeof kafkajs },
  { kafka, database }: Parts,
  services: Services,
): Promise<readonly BenchCase[]> {
  const total = flag('records', 200_000);
  const source = await freshTopic(kafka, partitions, { 'retention.ms': '-1' });
  let bytes = 0;
  for (let from = 0; from < total; from += 5_000) {
    const records = Array.from({ length: 5_000 }, (_, index) => JSON.stringify(recordOf(from + index)));
    bytes += records.reduce((sum, record) => sum + record.length, 0);
    await kafka.produce(
      source,
      records.map((value, index) => ({ key: `K${from + index}`, value, partition: index % partitions })),
    );
  }
  const gate = new MessageGate({ registry: services.registry, schemaStore: services.schemaStore });
  const { protection: policies, protectionService } = services;
  const protection = new MessageProtection({ policies, protection: protectionService, gate });
  const start = protectionConsumer({ protection, erased: { behind: async () => () => false } });
  const entityOf = async (name: string, types: Parameters<typeof documentOf>[1]) =>
    (await services.registryService.registerEntityVersion(actor, { document: documentOf(name, types) })).entity.id;

  const stream = async (entityId: string): Promise<Run> => {
    const target = await freshTopic(kafka, partitions);
    const clock = new RunClock(total);
    const running = await start(
      {
        id: target,
        kind: 'PROTECTION',
        entityId,
        source: { namespace: 'kafka://bench', name: source },
        targetName: target,
        tableId: null,
        accountField: 'account',
        subjectFields: ['user'],
      },
      clocked(kafka, clock),
      { group: uniqueName('stream'), tally: new StreamTally() },
    );
    const done = await clock.run;
    await running.stop();
    return done;
  };
  const bare = async (client: typeof kafkajs): Promise<Run> =>
    bareCopy({
      brokers,
      group: uniqueName('bare'),
      source,
      target: await freshTopic(kafka, partitions),
      total,
      client,
    });

  const redacted = await entityOf('Redacted', { phone: 'phonenumber', mail: 'email' });
  const sealed = await entityOf('Sealed', { phone: 'phonenumber' });
  await services.protectionPolicyService.setProtectionPolicy(actor, {
    scope: 'ENTITY',
    scopeName: 'Bench.Sealed',
    semanticType: 'phonenumber',
    classification: '',
    action: 'ENCRYPT',
    params: {},
  });
  const works = {
    bare: () => bare(published),
    patched: () => bare(kafkajs),
    redact: () => stream(redacted),
    encrypt: () => stream(sealed),
  };
  const names = ['bare', 'patched', 'redact', 'encrypt'] as const;
  const runs: Record<keyof typeof works, Run[]> = { bare: [], patched: [], redact: [], encrypt: [] };
  for (let round = 0; round < rounds; round += 1) for (const name of names) runs[name].push(await works[name]());
  const rate = (name: keyof typeof works) => median(runs[name].map(({ seconds }) => total / seconds));
  const perCore = (name: keyof typeof works) => median(runs[name].map(({ cpuSeconds }) => total / cpuSeconds));
  const loop = { name: 'bare kafkajs loop', value: rate('bare') };
  const loopCore = { name: 'bare kafkajs loop', value: perCore('bare') };
  const cases = [
    beside('stream, three fields redacted', rate('redact'), 'rec/s', loop),
    beside('stream, two fields encrypted', rate('encrypt'), 'rec/s', loop),
    beside('bare loop of kafkajs as patched here', rate('patched'), 'rec/s', loop),
    beside('redacted, by processor time', perCore('redact'), 'rec/core-s', loopCore),
    beside('encrypted, by processor time', perCore('encrypt'), 'rec/core-s', loopCore),
    beside('patched bare loop, by processor time', perCore('patched'), 'rec/core-s', loopCore),
  ];
  if (flag('profile', 0) > 0) {
    for (const name of names) {
      const { top } = await profiled(works[name], flag('profile', 0));
      process.stderr.write(`${name}:\n${top.map((line) => `  ${line}\n`).join('')}`);
    }
  }
  cases.push(await produceCase({ brokers, published }, { kafka, database }, services));
  cases.push(
    await rewriteCase(
      { kafka, database },
      { source, megabytes: bytes / 1e6, loopRate: (rate('bare') / total) * (bytes / 1e6) },
    ),
  );
  return cases;
}

/** Batches of records through the gate, beside the client with the same batches as texts. */
async function produceCase(
  { brokers, published }: { readonly brokers: string; readonly published: typeof kafkajs },
  { kafka }: Pick<Parts, 'kafka' | 'database'>,
  { registryService, produce }: Services,
): Promise<BenchCase> {
  const batches = 100;
  const topic = await freshTopic(kafka, partitions);
  const document = documentOf('Produced', { phone: 'phonenumber', mail: 'email' });
  const { entity } = await registryService.registerEntityVersion(actor, { document });
  const dataset = { namespace: `kafka://${brokers}`, name: topic };
  await registryService.mapEntity(actor, {
    entityId: entity.id,
    dataset,
    role: 'TOPIC',
    accountField: 'account',
    subjectFields: ['user'],
  });
  const client = new published.Kafka({ brokers: [brokers], logLevel: published.logLevel.NOTHING });
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const records = Array.from({ length: produceBatch }, (_, n) => ({ key: `K${n}`, value: recordOf(n) }));
  const works = {
    bare: () =>
      producer.send({
        topic,
        acks: -1,
        messages: records.map(({ key, value }) => ({ key, value: JSON.stringify(value) })),
      }),
    gate: async () => {
      const { results } = await produce.produce(actor, {
        topic,
        keys: { kind: 'JSON' },
        values: { kind: 'JSON' },
        records,
      });
      if (results.some(({ ok }) => !ok)) throw new Error('a record was refused');
    },
  };
  const rates: Record<keyof typeof works, number[]> = { bare: [], gate: [] };
  for (let round = 0; round < 2 * rounds; round += 1) {
    for (const name of ['bare', 'gate'] as const) {
      const begun = performance.now();
      for (let batch = 0; batch < batches; batch += 1) await works[name]();
      rates[name].push((batches * produceBatch * 1_000) / (performance.now() - begun));
    }
  }
  await producer.disconnect();
  const reference = { name: 'kafkajs', value: median(rates.bare) };
  return beside(`produce, ${produceBatch} at a time`, median(rates.gate), 'rec/s', reference);
}

/** Erases the records of one account from the whole topic, with comparison and purge. Last, since the topic is gone then. */
async function rewriteCase(
  { kafka, database: { em } }: Pick<Parts, 'kafka' | 'database'>,
  { source, megabytes, loopRate }: { readonly source: string; readonly megabytes: number; readonly loopRate: number },
): Promise<BenchCase> {
  const topic = await seedTopic(em, source);
  const target = await seedTarget(em, topic);
  const selection = { act: [{ accountId: 'AC1' }], keep: [] };
  const begun = performance.now();
  const receipt = await topicExecutor(em, kafka).execute(await topicContext(em, { topic, ...target, selection }));
  if (receipt.open.length > 0 || receipt.recordsErased === 0) throw new Error(JSON.stringify(receipt));
  const rate = megabytes / ((performance.now() - begun) / 1_000);
  return beside('topic rewritten, compared, purged', rate, 'MB/s', { name: 'bare kafkajs loop', value: loopRate });
}

export const bench: Bench = {
  name: 'kafka',
  about: 'streams, produce and topic rewrites beside bare kafkajs; --records=200000 --rounds=3 --profile=3',
  run,
};
