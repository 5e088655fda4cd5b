import kafkajs from 'kafkajs';
import { expect, test } from 'vitest';
import { toKafkaError, withinDeadline } from '../../../src/adapters/kafka/faults.ts';

test('a lost connection under exceeded retries is unavailable', () => {
  const lost = new kafkajs.KafkaJSConnectionError('gone', { broker: 'b:1' });
  const wrapped = new kafkajs.KafkaJSNumberOfRetriesExceeded(lost, { retryCount: 5, retryTime: 1 });
  expect(toKafkaError(wrapped, 'testing').code).toBe('KAFKA_UNAVAILABLE');
});

test('a refusal of the broker names its type and not its text', () => {
  const refusal = Object.assign(new Error('secret'), {
    name: 'KafkaJSProtocolError',
    type: 'POLICY_VIOLATION',
    retriable: false,
  });
  const error = toKafkaError(refusal, 'testing');
  expect(error.code).toBe('KAFKA_REFUSED');
  expect(error.message).toContain('POLICY_VIOLATION');
  expect(error.message).not.toContain('secret');
});

test('work without an end is unavailable at the deadline', async () => {
  await expect(withinDeadline(new Promise(() => undefined), 'testing', 20)).rejects.toMatchObject({
    code: 'KAFKA_UNAVAILABLE',
  });
});
