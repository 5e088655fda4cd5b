import { expect, test } from 'vitest';
import { UnconfiguredGateway } from '../../../src/adapters/kafka/unconfigured-gateway.ts';

const gateway = new UnconfiguredGateway();

test.each([
  'ping',
  'ensureTopic',
  'describeTopic',
  'offsets',
  'committed',
  'produce',
  'scan',
  'transformStream',
  'readStream',
] as const)('%s says that Kafka is not configured', async (verb) => {
  await expect(gateway[verb]()).rejects.toMatchObject({ code: 'KAFKA_NOT_CONFIGURED' });
});

test('an unconfigured gateway tells so and closes', async () => {
  expect(gateway.configured).toBe(false);
  await expect(gateway.close()).resolves.toBeUndefined();
});
