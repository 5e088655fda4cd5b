import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../src/adapters/kafka/kafkajs-gateway.ts';
import { type Data, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';
import { carriedOut, shred } from '../testkit/erasure.ts';
import { gatewayFor, missingKafka, scanAll, testBroker, uniqueName } from '../testkit/kafka.ts';

const missing = await missingKafka();
const types = ['phonenumber', 'customertext'];

const message = (n: number) => ({
  sid: `SM${n}`,
  account_sid: `AC${n % 4}`,
  date_created: `2018-06-0${(n % 3) + 4}T10:00:00Z`,
  to: `+1123456${7000 + n}`,
  from: '+351234567890',
  message_body: `canary ${n}`,
});
const batch = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ value: message(from + index) }));
const redacted = (n: number) => ({ ...message(n), to: '+1123456XXXX', from: '+35123456XXXX', message_body: '' });

describe.skipIf(missing)(`changing the values in the history of topics${missing ? `: ${missing}` : ''}`, () => {
  let app: TestApp;
  let gateway: KafkajsGateway;
  let registry: SchemaRegistry;
  let namespace: string;
  let close: () => Promise<void>;
  let entityId: string;
  let schemaId: number;

  beforeAll(async () => {
    const broker = await testBroker();
    close = broker.close;
    namespace = `kafka://${broker.brokers}`;
    gateway = gatewayFor(broker.brokers);
    app = await testApp({ KAFKA_BROKERS: broker.brokers });
    registry = new SchemaRegistry({ host: app.urls.registry ?? '' });
    const { entity, version } = await registered(app, sparkSummitDocument);
    [entityId, schemaId] = [entity.id, version.schemaId];
  });
  afterAll(async () => {
    await gateway?.close();
    await app?.stop();
    await close?.();
  });

  const setPolicy = (action: string, semanticType: string, params?: Data): Promise<Data> =>
    app.done(
      `mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) { userErrors { code message } } }`,
      { input: { scope: 'GLOBAL', semanticType, action, params } },
    );

  /** A topic of unprotected records. */
  async function topicOf(config: Record<string, string>): Promise<{ name: string; id: string }> {
    for (const type of types) await setPolicy('NONE', type);
    const name = uniqueName('history');
    await gateway.ensureTopic({ name, partitions: 1, config });
    const { mapEntity } = await app.done(
      `mutation ($input: MapEntityInput!) { mapEntity(input: $input) { userErrors { code message } mapping { dataset { id } } } }`,
      {
        input: {
          entityId,
          dataset: { namespace, name },
          role: 'TOPIC',
          accountField: 'account_sid',
          subjectFields: ['sid'],
        },
      },
    );
    return { name, id: mapEntity.mapping.dataset.id };
  }

  const protect = (id: string): Promise<Data> => carriedOut(app, 'Protection', { entityId, datasetIds: [id] });
  const records = async (topic: string): Promise<Data[]> =>
    Promise.all(
      (await scanAll(gateway, topic)).map(async ({ value }) => {
        if (value === null) return null;
        return value[0] === 0 ? { ...(await registry.decode(value)) } : JSON.parse(String(value));
      }),
    );
  const versionOf = (envelope: string): number => JSON.parse(Buffer.from(envelope, 'base64').toString()).kv;
  const open = async (accountId: string, value: string): Promise<Data> =>
    (await app.post('/api/v1/crypto:open?purpose=test', { accountId, value })).body;

  test('policies are applied to JSON and Avro, once, in a topic that is compacted', async () => {
    const { name, id } = await topicOf({ 'cleanup.policy': 'compact' });
    const keyed = batch(0, 12).map(({ value }) => ({ key: value.sid, value }));
    expect((await app.produce(name, { records: keyed })).status).toBe(200);
    const framed = await Promise.all([12, 13].map(async (n) => registry.encode(schemaId, message(n))));
    await gateway.produce(name, [...framed.map((value, n) => ({ key: `F${n}`, value })), { key: 'gone', value: null }]);
    await setPolicy('REDACT', 'phonenumber');
    await setPolicy('REMOVE', 'customertext', { removalForm: 'EMPTY' });
    const done = await protect(id);
    expect(done).toMatchObject({ status: 'COMPLETED', statusReason: null });
    expect(done.targets.nodes[0]).toMatchObject({
      dataset: { name: `${name}.g2` },
      receipt: { recordsErased: 0, recordsChanged: 14, recordsKept: 1, open: [] },
      verification: { survivors: 0, lost: 0 },
    });
    expect(await records(`${name}.g2`)).toEqual([...[...Array(14).keys()].map(redacted), null]);
    expect((await gateway.describeTopic(`${name}.g2`))?.own).toEqual({ 'cleanup.policy': 'compact' });
    expect(await gateway.describeTopic(name)).toBeNull();

    const again = await protect(id);
    expect(again).toMatchObject({ status: 'COMPLETED' });
    expect(again.targets.nodes[0].receipt).toMatchObject({ recordsChanged: 0 });
    expect(await gateway.describeTopic(`${name}.g3`)).toBeNull();
  });

  test('values are encrypted, records under a hold stay, and envelopes go under the newest keys', async () => {
    const { name, id } = await topicOf({ 'cleanup.policy': 'delete' });
    await app.produce(name, { records: batch(0, 20) });
    await setPolicy('ENCRYPT', 'phonenumber');
    const { placeLegalHold } = await app.done(
      `mutation ($input: PlaceLegalHoldInput!) { placeLegalHold(input: $input) { userErrors { code } legalHold { id } } }`,
      { input: { matterId: 'M', reason: 'r', scope: { accountId: 'AC1' } } },
    );
    const partly = await protect(id);
    expect(partly.status).toBe('PARTIAL');
    expect(partly.targets.nodes[0].receipt).toMatchObject({ recordsChanged: 15, recordsKept: 5 });
    expect(partly.targets.nodes[0].receipt.open).toMatchObject([{ code: 'RECORDS_UNCHANGED' }]);
    const first = await records(`${name}.g2`);
    for (const [n, record] of first.entries()) {
      if (n % 4 === 1) expect(record).toEqual(message(n));
      else expect(await open(record.account_sid, record.to)).toMatchObject({ ok: true, value: message(n).to });
    }
    await app.done(
      `mutation ($input: ReleaseLegalHoldInput!) { releaseLegalHold(input: $input) { userErrors { code } } }`,
      { input: { id: placeLegalHold.legalHold.id, reason: 'over' } },
    );
    expect((await protect(id)).status).toBe('COMPLETED');
    const second = await records(`${name}.g3`);
    // What is encrypted stays the envelope that it is.
    expect(second.filter((_, n) => n % 4 !== 1)).toEqual(first.filter((_, n) => n % 4 !== 1));

    await app.done(`mutation { rotateAccountKey(input: { accountId: "AC2" }) { userErrors { code } } }`);
    const rewrapped = await carriedOut(app, 'Rewrap', { datasetIds: [id] });
    expect(rewrapped).toMatchObject({ status: 'COMPLETED' });
    expect(rewrapped.targets.nodes[0]).toMatchObject({
      receipt: { recordsChanged: 5, recordsKept: 15 },
      verification: { survivors: 0, lost: 0 },
    });
    const third = await records(`${name}.g4`);
    for (const [n, record] of third.entries()) {
      expect(versionOf(record.to)).toBe(n % 4 === 2 ? 2 : 1);
      expect(await open(record.account_sid, record.to)).toMatchObject({ ok: true, value: message(n).to });
      if (n % 4 !== 2) expect(record).toEqual(second[n]);
    }
  });

  test('a person whose values in a topic are under a key of their own is forgotten with the key, and nobody else is', async () => {
    const { name, id } = await topicOf({ 'cleanup.policy': 'delete' });
    await app.produce(name, { records: batch(0, 8) });
    await setPolicy('ENCRYPT', 'phonenumber', { keyScope: 'SUBJECT' });
    await setPolicy('REMOVE', 'customertext', { removalForm: 'EMPTY' });
    expect(await protect(id)).toMatchObject({ status: 'COMPLETED' });
    const done = await shred(app, { subjects: [{ accountId: 'AC1', subject: { field: 'sid', value: 'SM5' } }] });
    expect(done).toMatchObject({ status: 'COMPLETED', certificate: { body: { kind: 'SHRED' } } });
    // Nothing was written to the topic: its copies, mirrors and backups are forgotten with it.
    for (const { sid, account_sid, to, from, message_body } of await records(`${name}.g2`)) {
      const gone = { ok: false, code: 'KEY_DESTROYED' };
      const n = Number(sid.slice(2));
      expect(await open(account_sid, to)).toMatchObject(n === 5 ? gone : { ok: true, value: message(n).to });
      expect(await open(account_sid, from)).toMatchObject(n === 5 ? gone : { ok: true, value: message(n).from });
      expect(message_body).toBe('');
    }
    const raw = (await scanAll(gateway, `${name}.g2`)).map(({ value }) => String(value)).join();
    expect(raw).not.toMatch(/canary|\+1123456|\+351/);
  });
});
