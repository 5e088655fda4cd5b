import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../../src/adapters/kafka/client.ts';
import { connectionOf, type KafkaPlaceSettings } from '../../../src/adapters/kafka/connection.ts';
import { KafkajsGateway } from '../../../src/adapters/kafka/kafkajs-gateway.ts';
import { freePort } from '../../../src/adapters/postgres/free-port.ts';
import { kafkaOf } from '../../../src/config/kafka-settings.ts';
import { Secret } from '../../../src/config/secret.ts';
import { defaultLibsDir } from '../../../tools/kafka/broker.ts';
import { freshTopic, gatewayFor, missingKafka, ownBroker, scanAll, testBroker } from '../../testkit/kafka.ts';

const run = promisify(execFile);
const missing = await missingKafka();
const hasOpenssl = await run('openssl', ['version']).then(
  () => true,
  () => false,
);

describe.skipIf(missing !== null)('codecs of topics', () => {
  let brokers: string;
  let gateway: KafkajsGateway;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const broker = await testBroker();
    ({ brokers, close } = broker);
    gateway = gatewayFor(brokers);
  });
  afterAll(async () => {
    await gateway?.close();
    await close?.();
  });

  it('are read from what the Java client wrote, whichever it used', async () => {
    const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
    const topics = await Promise.all(codecs.map(() => freshTopic(gateway)));
    const program = join('test', 'clients', 'CompressedProducer.java');
    const written = topics.flatMap((topic, index) => [topic, codecs[index] ?? '']);
    await run('java', ['-cp', join(defaultLibsDir(), '*'), program, brokers, ...written]);
    for (const [index, topic] of topics.entries())
      expect(
        (await scanAll(gateway, topic)).map(({ value }) => String(value).split(' ')[0]),
        codecs[index],
      ).toEqual(Array.from({ length: 100 }, (_, n) => `value-${n}`));
  });

  it.each(['GZIP', 'Snappy', 'LZ4', 'ZSTD'] as const)(
    'writes %s that the broker takes and gives back',
    async (codec) => {
      const topic = await freshTopic(gateway);
      const producer = createClient({ brokers: [brokers], clientId: 'codecs' }).producer();
      await producer.connect();
      const messages = Array.from({ length: 50 }, (_, n) => ({ value: `${n} ${'y'.repeat(300)}` }));
      await producer.send({ topic, compression: kafkajs.CompressionTypes[codec], messages });
      await producer.disconnect();
      expect((await scanAll(gateway, topic)).map(({ value }) => String(value))).toEqual(
        messages.map(({ value }) => value),
      );
    },
  );
});

describe.skipIf(missing !== null || !hasOpenssl)('a listener with TLS and logins', () => {
  let root: string;
  let port: number;
  let close: () => Promise<void>;
  const password = 'a-password-of-tests';
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'lineward-tls-'));
    const [certFile, keyFile] = [join(root, 'cert.pem'), join(root, 'key.pem')];
    await run('openssl', [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', keyFile, '-out', certFile],
    ]);
    port = await freePort();
    const [certificate, key] = await Promise.all([certFile, keyFile].map((path) => readFile(path, 'utf8')));
    const own = await ownBroker({ port, certificate: certificate ?? '', key: key ?? '', username: 'alice', password });
    ({ close } = own);
  });
  afterAll(async () => {
    await close?.();
    await rm(root, { recursive: true, force: true });
  });

  const settings = (
    mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512',
    secret = password,
    username = 'alice',
  ): KafkaPlaceSettings => {
    const place = kafkaOf({
      KAFKA_BROKERS: [`127.0.0.1:${port}`],
      KAFKA_TLS: true,
      KAFKA_TLS_CA_FILE: join(root, 'cert.pem'),
      KAFKA_SASL_MECHANISM: mechanism,
      KAFKA_USERNAME: username,
      KAFKA_PASSWORD: new Secret(secret),
    });
    return place ?? expect.fail('not configured');
  };
  const gatewayOf = async (place: KafkaPlaceSettings) =>
    new KafkajsGateway({ ...(await connectionOf(place)), clientId: 'lineward-secure' });

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
    'is written to and read after a login by %s',
    async (by) => {
      const gateway = await gatewayOf(settings(by));
      const topic = await freshTopic(gateway);
      expect(await gateway.produce(topic, [{ key: 'k', value: 'v' }])).toMatchObject([{ ok: true }]);
      expect((await scanAll(gateway, topic)).map(({ value }) => String(value))).toEqual(['v']);
      await gateway.close();
    },
  );

  it('refuses a wrong password and an unknown authority, and tells neither password nor content', async () => {
    const wrong = await gatewayOf(settings('scram-sha-256', 'canary-password'));
    const refused = await wrong.ping().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: expect.stringMatching(/^KAFKA_/) });
    expect(JSON.stringify(refused) + String(refused)).not.toContain('canary-password');
    await wrong.close();
    const place = settings('plain');
    const untrusted = await gatewayOf({
      ...place,
      tls: { caFile: undefined, certFile: undefined, keyFile: undefined },
    });
    await expect(untrusted.ping()).rejects.toMatchObject({ code: expect.stringMatching(/^KAFKA_/) });
    await untrusted.close();
  });

  it('tells a user without rights what is refused, and takes nothing that is not told for nothing', async () => {
    const [alice, guest] = [await gatewayOf(settings('plain')), await gatewayOf(settings('plain', password, 'guest'))];
    const topic = await freshTopic(alice);
    const { topics } = await alice.cluster.describe([topic]);
    expect((await alice.cluster.sizes()).complete).toBe(true);
    expect((await guest.cluster.describe()).topics).toEqual([]);
    const refused = { code: 'KAFKA_REFUSED', message: expect.stringContaining('TOPIC_AUTHORIZATION_FAILED') };
    const named = await guest.cluster.describe([topic]);
    expect([named.topics, named.refused.get(topic)]).toMatchObject([[], refused]);
    expect((await guest.cluster.settings([topic])).get(topic)).toMatchObject(refused);
    await expect(guest.cluster.changeSettings(topic, { 'retention.ms': '1' })).rejects.toMatchObject(refused);
    expect(await guest.cluster.sizes()).toEqual({ complete: false, bytes: new Map() });
    expect((await guest.cluster.ranges(topics)).get(topic)).toEqual([]);
    expect(await guest.cluster.groups()).toEqual([]);
    await alice.close();
    await guest.close();
  });

  it('names the setting of a file that cannot be used', async () => {
    const place = settings('plain');
    const tls = { caFile: join(root, 'none.pem'), certFile: undefined, keyFile: undefined };
    await expect(connectionOf({ ...place, tls })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      field: ['KAFKA_TLS_CA_FILE'],
    });
    await writeFile(join(root, 'no.pem'), 'canary');
    const failed = connectionOf({ ...place, tls: { ...tls, caFile: join(root, 'no.pem') } });
    await expect(failed).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.not.stringContaining('canary'),
    });
  });
});
