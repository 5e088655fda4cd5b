import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../testkit/app.ts';
import { pythonWith } from '../testkit/python.ts';

const run = promisify(execFile);

const interpreter = await pythonWith(
  'python-clients',
  ['confluent-kafka[schemaregistry,avro,json,protobuf]==2.12.1'],
  'import confluent_kafka.schema_registry.avro',
);

describe.skipIf(interpreter === null)('the Python client of Confluent, unmodified', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await testApp({ LINEWARD_ROLES: 'api' });
  });
  afterAll(() => app?.stop());

  test('serializes, reads back, looks up, compares and deletes', async () => {
    const { stdout } = await run(interpreter ?? '', [
      'test/clients/confluent_kafka_round_trip.py',
      app.urls.registry ?? '',
      'py',
    ]);
    expect(JSON.parse(stdout)).toEqual({
      avro: { name: 'Ada', age: 36 },
      avroFrame: expect.stringMatching(/^00[\da-f]{8}$/),
      json: { id: 7, note: 'x' },
      protobuf: 'ok',
      latest: ['py-avro-value', 1, 'AVRO'],
      versions: [1],
      lookup: 1,
      byId: 'User',
      listed: true,
      compatibility: 'FULL',
      compatible: false,
      refused: [409, 409],
      invalid: [422, 42_201],
      reference: 'acme.Address',
      deleted: [1],
      missing: [404, 40_401],
    });
  });
});
