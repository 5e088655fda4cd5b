import { ProtobufDeserializer, SchemaRegistryClient, SerdeType } from '@confluentinc/schemaregistry';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../testkit/app.ts';
import { confluentRecords } from '../testkit/confluent.ts';
import { decrypt } from '../testkit/crypto.ts';
import { missingKafka, uniqueName } from '../testkit/kafka.ts';
import { produceTest } from '../testkit/produce.ts';

const missing = await missingKafka();

const text = `syntax = "proto3"; package stream.protobuf; message Call { string account = 1; int64 ms = 2;
  string from = 3 [(acme.twilio_type) = "phonenumber"]; optional string mail = 4 [(acme.twilio_type) = "email"];
  repeated Leg legs = 5; message Leg { string to = 1 [(acme.twilio_type) = "phonenumber"]; } }`;

test.skipIf(missing !== null)(
  `a stream redacts and encrypts Protobuf that Confluent's client wrote, which reads what is left${missing ? `: ${missing}` : ''}`,
  async () => {
    const kit = await produceTest();
    onTestFinished(() => kit.close());
    const { app, gateway } = kit;
    const registryUrl = app.urls.registry ?? '';
    const subject = 'stream-protobuf-value';
    await kit.register('PROTOBUF', text, subject);
    const { entity } = await app.done('{ entity(namespace: "stream.protobuf", name: "Call") { id } }');
    await app.done(
      'mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) { userErrors { code message } } }',
      { input: { scope: 'ENTITY', scopeName: 'stream.protobuf.Call', semanticType: 'email', action: 'ENCRYPT' } },
    );
    const [raw, clean] = [uniqueName('raw'), uniqueName('clean')];
    await app.done(
      'mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) { userErrors { code message } } }',
      {
        input: {
          ...{ entityId: entity.id, accountField: 'account', subjectFields: [] },
          ...{ sourceTopic: raw, targetTopic: clean },
        },
      },
    );
    const call = { account: 'AC1', ms: 9_007_199_254_740_993n, from: '+11234567890', mail: 'jdoe@x.com' };
    const records = [
      { ...call, legs: [{ to: '911' }, { to: '12' }] },
      { account: 'AC1', from: '911' },
    ];
    const schema = { format: 'PROTOBUF', text, subject } as const;
    const written = [
      ...(await confluentRecords(registryUrl, schema, records)),
      ...(await confluentRecords(registryUrl, schema, records, 'HEADER')),
    ];
    const unknown = Buffer.concat([written[0]!.value, Buffer.from('7a06', 'hex'), Buffer.from('canary')]);
    const cut = written[0]!.value.subarray(0, -1);
    await gateway.produce(raw, [
      ...written.map((message, n) => ({ key: `k${n}`, partition: 0, ...message })),
      { key: 'unknown', partition: 0, value: unknown },
      { key: 'cut', partition: 0, value: cut },
    ]);
    const read = await eventually(
      () => kit.messages(clean),
      (messages) => messages.length === 5,
    );
    const client = new SchemaRegistryClient({ baseURLs: [registryUrl], cacheCapacity: 10 });
    const deserializer = new ProtobufDeserializer(client, SerdeType.VALUE, {});
    const shown = [];
    for (const { value, headers } of read)
      shown.push(await deserializer.deserialize(clean, value ?? Buffer.alloc(0), { ...headers }));
    const full = {
      account: 'AC1',
      ms: 9_007_199_254_740_993n,
      from: '+1123456XXXX',
      legs: [{ to: 'XXX' }, { to: 'XX' }],
    };
    const bare = { account: 'AC1', ms: 0n, from: 'XXX', legs: [] };
    expect(shown).toMatchObject([full, bare, full, bare, full]);
    expect(shown.map(({ mail }) => mail !== undefined && mail !== '')).toEqual([true, false, true, false, true]);
    const item = { accountId: 'AC1', envelope: shown[0].mail };
    const { result } = (await app.done(decrypt, { input: { item, purpose: 'test' } })).decrypt;
    expect(result.value).toBe('jdoe@x.com');
    expect(read.map(({ value }) => String(value)).join()).not.toContain('canary');
    const dead = await kit.messages(`${clean}.dead-letter`);
    expect(dead.map(({ value }) => JSON.parse(String(value)).reason)).toEqual(['VALUE_INVALID']);
  },
);
