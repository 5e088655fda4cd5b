import { createWriteStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import kafkajs from 'kafkajs';
import { uniqueName } from '../test/testkit/kafka.ts';
import { startBroker } from '../tools/kafka/broker.ts';
import { benchApp, closing, type OnClose } from './bench-app.ts';
import { type BenchCase, beside, flag, plainCase } from './harness.ts';
import { asking, type Data, stopwatch, until } from './lake-erasure.ts';

const topic = 'bench.messages';
const partitions = 3;
const recordsPerSend = 5_000;
const fields = ['message_id', 'account_sid', 'date_created', 'date_updated', 'status', 'to'];
const document = {
  version: '1.0',
  namespace: 'Bench',
  schema: {
    ...{ type: 'record', name: 'Message', namespace: 'Bench' },
    fields: fields.map((name) => ({ name, type: 'string' })),
  },
};

/** Messages of a month, two of each three with a key of their own. */
function recordOf(n: number, records: number): Readonly<Record<string, string>> {
  const at = (start: number, factor: number) => new Date(start + ((n * factor) % 2_592_000) * 1_000).toISOString();
  return {
    message_id: `SM${n % Math.ceil((records * 2) / 3)}`,
    account_sid: `AC${n % 100}`,
    date_created: at(Date.UTC(2018, 5, 1), 7),
    date_updated: at(Date.UTC(2018, 6, 1), 13),
    status: ['queued', 'sending', 'sent', 'delivered'][n % 4] ?? '',
    to: `+4917${n % 100_000}`,
  };
}

const transformer = {
  name: 'Messages',
  sources: [{ topic, transforms: [{ type: 'localizeDates', fields: ['date_created', 'date_updated'] }] }],
  key: ['message_id'],
  merge: { strategy: 'latest', by: 'date_updated' },
  resource: {
    ...{ format: 'parquet', path: 'data/messages', indexing: [{ type: 'daily', date: 'date_created' }] },
    schema: { namespace: 'Bench', entity: 'Message', version: 1 },
  },
};

/** From a topic to a table by a transformer, from the request to the end, beside a loop that writes what it reads. */
export const topicCases = (): Promise<readonly BenchCase[]> => closing(measured);

async function measured(onClose: OnClose): Promise<readonly BenchCase[]> {
  const records = flag('records', 100_000);
  const root = await mkdtemp(join(tmpdir(), 'lineward-bench-topic-'));
  onClose(() => rm(root, { recursive: true, force: true }));
  const broker = await startBroker({ dir: join(root, 'kafka') });
  const { brokers } = broker;
  onClose(() => broker.kill());
  await fill(brokers, records);
  const loop = await byHand(brokers, records, root);
  const { app } = await benchApp(onClose, { KAFKA_BROKERS: brokers });
  const made = await byTransformer(app.urls.main, brokers);
  if (made.keys !== loop.keys) throw new Error(`${made.keys} rows, and ${loop.keys} by hand`);
  const name = 'kafkajs loop, then one statement';
  return [
    beside(`${records} records from a topic to Parquet`, records / made.seconds, 'rec/s', {
      name,
      value: records / (loop.read + loop.written),
    }),
    plainCase('of the reference: kafkajs loop into lines of JSON', records / loop.read, 'rec/s'),
    plainCase('of the reference: one statement into Parquet', records / loop.written, 'rec/s'),
  ];
}

async function fill(brokers: string, records: number): Promise<void> {
  const kafka = new kafkajs.Kafka({ brokers: [brokers], logLevel: kafkajs.logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = [{ name: 'retention.ms', value: '-1' }];
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions, configEntries }] });
  await admin.disconnect();
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  for (let from = 0; from < records; from += recordsPerSend) {
    const messages = Array.from({ length: Math.min(recordsPerSend, records - from) }, (_, index) => ({
      value: JSON.stringify(recordOf(from + index, records)),
      partition: (from + index) % partitions,
    }));
    await producer.send({ topic, messages });
  }
  await producer.disconnect();
}

/** What a script would do: a consumer that writes lines, and one statement that makes the table of them, and checks nothing. */
async function byHand(brokers: string, records: number, root: string) {
  const path = join(root, 'lines.ndjson');
  const clock = stopwatch();
  const kafka = new kafkajs.Kafka({ brokers: [brokers], logLevel: kafkajs.logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: uniqueName('loop') });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const file = createWriteStream(path);
  const done = Promise.withResolvers<void>();
  let read = 0;
  await consumer.run({
    eachBatch: async ({ batch }) => {
      for (const { value } of batch.messages) file.write(`${value ?? ''}\n`);
      read += batch.messages.length;
      if (read >= records) done.resolve();
    },
  });
  await done.promise;
  await new Promise((resolve) => file.end(resolve));
  const handle = await open(path);
  await handle.sync();
  await handle.close();
  const readSeconds = clock();
  await consumer.disconnect();
  clock();
  const duckdb = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect();
  const target = join(root, 'by-hand');
  await duckdb.run(`COPY (SELECT *, left(date_created, 10) AS day FROM read_json(['${path}'], format = 'newline_delimited',
      columns = {${fields.map((name) => `"${name}": 'VARCHAR'`).join(', ')}})
    QUALIFY row_number() OVER (PARTITION BY message_id ORDER BY date_updated DESC) = 1)
    TO '${target}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (day))`);
  const written = clock();
  const [row] = (
    await duckdb.runAndReadAll(`SELECT count(*) AS keys FROM read_parquet('${target}/*/*.parquet')`)
  ).getRowObjectsJson();
  duckdb.closeSync();
  return { read: readSeconds, written, keys: Number(row?.keys) };
}

async function byTransformer(url: string, brokers: string) {
  const ask = asking(url);
  const entity = (
    await ask(
      'mutation ($input: RegisterEntityVersionInput!) { registerEntityVersion(input: $input) { userErrors { message } entity { id } } }',
      { input: { document } },
    )
  ).registerEntityVersion.entity;
  await ask('mutation ($input: MapEntityInput!) { mapEntity(input: $input) { userErrors { message } } }', {
    input: {
      ...{ entityId: entity.id, dataset: { namespace: `kafka://${brokers}`, name: topic }, role: 'TOPIC' },
      ...{ accountField: 'account_sid', subjectFields: ['to'] },
    },
  });
  const { createTransformer } = await ask(
    'mutation ($input: CreateTransformerInput!) { createTransformer(input: $input) { userErrors { message } transformer { id } } }',
    { input: { document: JSON.stringify(transformer) } },
  );
  const clock = stopwatch();
  const { runTransformer } = await ask(
    'mutation ($input: RunTransformerInput!) { runTransformer(input: $input) { userErrors { message } run { id } } }',
    { input: { id: createTransformer.transformer.id } },
  );
  const run: Data = await until(
    async () =>
      (
        await ask(
          'query ($id: ID!) { node(id: $id) { ... on TransformRun { status reason statistics { keys rejected } } } }',
          { id: runTransformer.run.id },
        )
      ).node,
    ({ status }) => ['COMPLETED', 'FAILED'].includes(status),
  );
  const seconds = clock();
  if (run.status !== 'COMPLETED' || run.statistics.rejected > 0) throw new Error(run.reason ?? 'some were rejected');
  return { seconds, keys: run.statistics.keys };
}
