import { create, createFileRegistry, type DescMessage } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  file_google_protobuf_timestamp,
} from '@bufbuild/protobuf/wkt';
import {
  AvroDeserializer,
  AvroSerializer,
  type ClientConfig,
  JsonDeserializer,
  JsonSerializer,
  ProtobufDeserializer,
  ProtobufSerializer,
  SchemaRegistryClient,
  SerdeType,
} from '@confluentinc/schemaregistry';
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../testkit/app.ts';

let app: TestApp;
let url: string;
beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
  url = app.urls.registry ?? '';
});
afterAll(() => app?.stop());

const userSchema = (namespace: string, more: readonly object[] = []) =>
  JSON.stringify({
    type: 'record',
    name: 'User',
    namespace,
    fields: [
      { name: 'name', type: 'string', 'confluent:tags': ['PII'] },
      { name: 'age', type: ['null', 'int'], default: null },
      ...more,
    ],
  });
const orderSchema = JSON.stringify({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Order',
  type: 'object',
  properties: { id: { type: 'integer' }, note: { type: 'string' } },
  required: ['id'],
});

describe('the client @confluentinc/schemaregistry, unmodified', () => {
  const config = (): ClientConfig => ({ baseURLs: [url], cacheCapacity: 100 });
  const client = () => new SchemaRegistryClient(config());

  test('writes and reads Avro, registering as it goes', async () => {
    const one = client();
    await one.register('c-avro-value', { schemaType: 'AVRO', schema: userSchema('acme.c') });
    const bytes = await new AvroSerializer(one, SerdeType.VALUE, { useLatestVersion: true }).serialize('c-avro', {
      name: 'Ada',
      age: 36,
    });
    expect(bytes[0]).toBe(0);
    const back = await new AvroDeserializer(client(), SerdeType.VALUE, {}).deserialize('c-avro', bytes);
    expect(back).toMatchObject({ name: 'Ada', age: 36 });
  });

  test('writes and reads JSON by schema, and refuses what does not fit', async () => {
    const one = client();
    await one.register('c-json-value', { schemaType: 'JSON', schema: orderSchema });
    const serializer = new JsonSerializer(one, SerdeType.VALUE, { useLatestVersion: true, validate: true });
    const bytes = await serializer.serialize('c-json', { id: 7, note: 'x' });
    expect(await new JsonDeserializer(client(), SerdeType.VALUE, {}).deserialize('c-json', bytes)).toEqual({
      id: 7,
      note: 'x',
    });
    await expect(serializer.serialize('c-json', { note: 'x' })).rejects.toThrow();
  });

  test('writes and reads Protobuf, registering the message and its import', async () => {
    const message = personMessage();
    const serializer = new ProtobufSerializer(client(), SerdeType.VALUE, { autoRegisterSchemas: true });
    serializer.registry.add(message);
    const person = create(message, { name: 'Ada' });
    const bytes = await serializer.serialize('c-proto', person);
    const back = await new ProtobufDeserializer(client(), SerdeType.VALUE, {}).deserialize('c-proto', bytes);
    expect(back).toMatchObject({ name: 'Ada' });
    expect(await client().getAllVersions('c-proto-value')).toEqual([1]);
  });

  test('finds, compares, configures and deletes', async () => {
    const one = client();
    const schema = { schemaType: 'AVRO', schema: userSchema('acme.calls') };
    const id = await one.register('c-calls', schema);
    expect(await one.getId('c-calls', schema)).toBe(id);
    expect(JSON.parse((await one.getBySubjectAndId('c-calls', id)).schema).name).toBe('User');
    expect(await one.getLatestSchemaMetadata('c-calls')).toMatchObject({ version: 1, id, subject: 'c-calls' });
    expect(await one.getSchemaMetadata('c-calls', 1)).toMatchObject({ id });
    expect(await one.getAllVersions('c-calls')).toEqual([1]);
    expect(await one.getVersion('c-calls', schema)).toBe(1);
    expect(await one.getAllSubjects()).toContain('c-calls');
    const breaking = { schemaType: 'AVRO', schema: userSchema('acme.calls', [{ name: 'must', type: 'int' }]) };
    expect(await one.testSubjectCompatibility('c-calls', breaking)).toBe(false);
    await expect(one.register('c-calls', breaking)).rejects.toMatchObject({ status: 409, errorCode: 409 });
    await one.updateConfig('c-calls', { compatibilityLevel: 'NONE' } as never);
    expect(await one.getConfig('c-calls')).toMatchObject({ compatibilityLevel: 'NONE' });
    expect(await one.register('c-calls', breaking)).toBeGreaterThan(id);
    expect(await one.deleteSubjectVersion('c-calls', 2, false)).toBe(2);
    expect(await one.deleteSubject('c-calls', false)).toEqual([1]);
    expect(await one.deleteSubject('c-calls', true)).toEqual([1, 2]);
    await expect(client().getAllVersions('c-calls')).rejects.toMatchObject({ status: 404, errorCode: 40_401 });
  });

  test('finds a schema by properties of its metadata', async () => {
    const one = client();
    const metadata = { properties: { 'application.major.version': '2' } };
    await one.register('c-meta', { schemaType: 'AVRO', schema: userSchema('acme.meta') });
    await one.register('c-meta', { schemaType: 'AVRO', schema: userSchema('acme.meta'), metadata } as never);
    const found = await one.getLatestWithMetadata('c-meta', { 'application.major.version': '2' });
    expect(found).toMatchObject({ version: 2, metadata });
  });
});

describe('the client @kafkajs/confluent-schema-registry, unmodified', () => {
  const registry = () => new SchemaRegistry({ host: url });

  test('registers, writes and reads Avro', async () => {
    const one = registry();
    const { id } = await one.register(
      { type: SchemaType.AVRO, schema: userSchema('acme.k') },
      { subject: 'k-avro-value' },
    );
    const bytes = await one.encode(id, { name: 'Ada', age: 36 });
    expect(await registry().decode(bytes)).toMatchObject({ name: 'Ada', age: 36 });
    expect(await one.getLatestSchemaId('k-avro-value')).toBe(id);
    expect(await one.getRegistryId('k-avro-value', 1)).toBe(id);
    const schema = userSchema('acme.k');
    expect(await one.getRegistryIdBySchema('k-avro-value', { type: SchemaType.AVRO, schema })).toBe(id);
  });

  test('takes a subject that has no configuration for a new one, and configures it', async () => {
    await registry().register(
      { type: SchemaType.AVRO, schema: userSchema('acme.level') },
      { subject: 'k-level', compatibility: 'FULL' as never },
    );
    const answer = await fetch(`${url}/config/k-level`);
    expect(await answer.json()).toEqual({ compatibilityLevel: 'FULL' });
  });

  test('writes and reads JSON and Protobuf', async () => {
    const one = registry();
    const json = await one.register({ type: SchemaType.JSON, schema: orderSchema }, { subject: 'k-json-value' });
    expect(await registry().decode(await one.encode(json.id, { id: 1 }))).toEqual({ id: 1 });
    const proto = await one.register(
      { type: SchemaType.PROTOBUF, schema: 'syntax = "proto3"; package k; message P { string name = 1; }' },
      { subject: 'k-proto-value' },
    );
    expect(await registry().decode(await one.encode(proto.id, { name: 'Ada' }))).toMatchObject({ name: 'Ada' });
  });
});

/** `acme.c.Person` with a time of a well-known type, as generated code would bring it. */
function personMessage(): DescMessage {
  const { STRING, MESSAGE } = FieldDescriptorProto_Type;
  const label = FieldDescriptorProto_Label.OPTIONAL;
  const file = create(FileDescriptorProtoSchema, {
    name: 'acme/person.proto',
    package: 'acme.c',
    syntax: 'proto3',
    dependency: ['google/protobuf/timestamp.proto'],
    messageType: [
      {
        name: 'Person',
        field: [
          { name: 'name', number: 1, type: STRING, label, jsonName: 'name' },
          {
            name: 'born',
            number: 2,
            type: MESSAGE,
            label,
            typeName: '.google.protobuf.Timestamp',
            jsonName: 'born',
          },
        ],
      },
    ],
  });
  const registry = createFileRegistry(file, () => file_google_protobuf_timestamp);
  const message = registry.getMessage('acme.c.Person');
  if (message === undefined) throw new Error('the descriptor has no message');
  return message;
}
