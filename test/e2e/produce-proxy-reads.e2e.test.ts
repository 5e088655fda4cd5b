import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Data } from '../testkit/app.ts';
import { erase } from '../testkit/erasure.ts';
import { missingKafka, uniqueName } from '../testkit/kafka.ts';
import { type ProduceTest, produceTest } from '../testkit/produce.ts';

const missing = await missingKafka();
const schema = JSON.stringify({
  type: 'record',
  name: 'Call',
  namespace: 'proxy.reads',
  fields: [{ name: 'account', type: 'string' }],
});

describe.skipIf(missing !== null)(
  `what clients of a REST Proxy ask before they produce${missing ? `: ${missing}` : ''}`,
  () => {
    let kit: ProduceTest;
    let cluster: string;
    let topic: string;
    beforeAll(async () => {
      kit = await produceTest();
      await kit.register('AVRO', schema, 'proxy-reads');
      topic = await kit.topicOf('proxy.reads', 'Call', 'account', { config: { 'retention.ms': '86400000' } });
      cluster = (await get('/v3/clusters')).body.data[0].cluster_id;
    });
    afterAll(() => kit?.close());

    async function get(path: string): Promise<{ status: number; type: string | null; body: Data }> {
      const response = await fetch(`${kit.app.urls.produce}${path}`);
      return { status: response.status, type: response.headers.get('content-type'), body: await response.json() };
    }

    async function rawStatus(path: string): Promise<number | undefined> {
      const { hostname, port } = new URL(kit.app.urls.produce ?? '');
      const [response] = await once(request({ hostname, port, path }).end(), 'response');
      response.resume();
      return response.statusCode;
    }

    const partition = { partition: 0, leader: 1, replicas: [{ broker: 1, leader: true, in_sync: true }] };

    test('v2: topics, their settings and partitions, offsets, and brokers', async () => {
      await kit.app.produce(topic, { records: ['AC1', 'AC2'].map((account) => ({ value: { account } })) });
      const topics = await get('/topics');
      expect(topics).toMatchObject({ status: 200, type: 'application/vnd.kafka.v2+json' });
      expect(topics.body).toContain(topic);
      expect(topics.body).not.toContain('__consumer_offsets');
      const one = await get(`/topics/${topic}`);
      expect(one.body).toMatchObject({ name: topic, configs: { 'retention.ms': '86400000' }, partitions: [partition] });
      expect((await get(`/topics/${topic}/partitions`)).body).toEqual([partition]);
      expect((await get(`/topics/${topic}/partitions/0`)).body).toEqual(partition);
      expect((await get(`/topics/${topic}/partitions/0/offsets`)).body).toEqual({ beginning_offset: 0, end_offset: 2 });
      expect((await get('/brokers')).body).toEqual({ brokers: [1] });
    });

    test.each(['/v3', '/kafka/v3'])(
      '%s: clusters, brokers, topics, partitions and settings, each where it says',
      async (prefix) => {
        const { body: clusters } = await get(`${prefix}/clusters`);
        expect(clusters).toMatchObject({
          kind: 'KafkaClusterList',
          data: [{ kind: 'KafkaCluster', cluster_id: cluster }],
        });
        const { body: found } = await get(clusters.data[0].metadata.self);
        const { body: topics } = await get(found.topics.related);
        const listed = topics.data.find((one: Data) => one.topic_name === topic);
        expect(listed).toMatchObject({
          kind: 'KafkaTopic',
          is_internal: false,
          replication_factor: 1,
          partitions_count: 1,
        });
        expect((await get(listed.metadata.self)).body).toEqual(listed);
        const { body: partitions } = await get(listed.partitions.related);
        expect(partitions.data).toMatchObject([{ kind: 'KafkaPartition', topic_name: topic, partition_id: 0 }]);
        expect((await get(partitions.data[0].metadata.self)).body).toEqual(partitions.data[0]);
        const { body: configs } = await get(listed.configs.related);
        expect(configs.data).toContainEqual(
          expect.objectContaining({
            name: 'retention.ms',
            value: '86400000',
            is_default: false,
            source: 'DYNAMIC_TOPIC_CONFIG',
          }),
        );
        const { body: brokers } = await get(found.brokers.related);
        expect(brokers.data).toMatchObject([{ kind: 'KafkaBroker', broker_id: 1, host: '127.0.0.1' }]);
      },
    );

    test('what is not there is told as the proxy tells it', async () => {
      const nowhere = uniqueName('nowhere');
      for (const path of ['', '/partitions', '/partitions/0', '/partitions/0/offsets'])
        expect(await get(`/topics/${nowhere}${path}`)).toMatchObject({ status: 404, body: { error_code: 40_401 } });
      for (const number of ['1', '-1', 'x', '99999999999999999999'])
        expect(await get(`/topics/${topic}/partitions/${number}`)).toMatchObject({
          status: 404,
          body: { error_code: 40_402 },
        });
      for (const name of ['%00', '..%2f', 'x'.repeat(300)])
        expect(await get(`/topics/${name}`)).toMatchObject({ status: 404 });
      // Clients of fetch resolve these before they ask.
      for (const name of ['.', '..', '%2e%2e']) expect(await rawStatus(`/topics/${name}`)).toBe(404);
      for (const path of [`topics/${nowhere}`, `topics/${nowhere}/configs`, `topics/${topic}/partitions/1`])
        expect(await get(`/v3/clusters/${cluster}/${path}`)).toMatchObject({
          status: 404,
          body: { error_code: 40_403 },
        });
      expect(await get(`/v3/clusters/other/topics/${topic}`)).toMatchObject({ status: 404, body: { error_code: 404 } });
    });

    test('a topic that was rewritten answers under its old name, too', async () => {
      expect((await erase(kit.app, { subjects: [{ accountId: 'AC1' }] })).status).toBe('COMPLETED');
      expect((await get('/topics')).body).toEqual(expect.arrayContaining([topic, `${topic}.g2`]));
      for (const name of [topic, `${topic}.g2`]) {
        expect((await get(`/topics/${name}`)).body).toMatchObject({ name, partitions: [{ partition: 0 }] });
        expect((await get(`/v3/clusters/${cluster}/topics/${name}`)).body).toMatchObject({ topic_name: name });
        expect((await get(`/topics/${name}/partitions/0/offsets`)).body.end_offset).toBeGreaterThan(0);
      }
      expect((await kit.app.produce(topic, { records: [{ value: { account: 'AC3' } }] })).status).toBe(200);
    });
  },
);
