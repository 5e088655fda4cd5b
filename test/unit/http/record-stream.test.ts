import fastify from 'fastify';
import { expect, test } from 'vitest';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { recordStreamRoutes } from '../../../src/http/produce/record-stream.routes.ts';
import { ServedCluster } from '../../../src/http/produce/served-cluster.ts';
import type { ProduceService } from '../../../src/services/kafka/produce.service.ts';
import { tester } from '../../testkit/actor.ts';

test.each([
  ['of our own is logged, and not told', new TypeError('gone wrong inside'), 1],
  ['of the client is told, and not logged', new LinewardError('TOPIC_NOT_MAPPED', 'map it'), 0],
])('a failure %s', async (_, failure, logged) => {
  const lines: string[] = [];
  const server = fastify({ logger: { level: 'error', stream: { write: (line: string) => lines.push(line) } } });
  const cluster = new ServedCluster({
    describe: async () => ({ clusterId: 'c', controllerId: 1, brokers: [], topics: [], refused: new Map() }),
  });
  const produce: Pick<ProduceService, 'produce'> = { produce: () => Promise.reject(failure) };
  server.decorateRequest('actorNow', () => tester);
  recordStreamRoutes(server, { produce: produce as ProduceService, cluster });
  const answer = await server.inject({
    method: 'POST',
    url: '/v3/clusters/c/topics/t/records',
    headers: { 'content-type': 'application/json' },
    payload: '{"value":{"type":"JSON","data":{"secret":"value"}}}',
  });
  await server.close();
  expect(answer.body.includes('map it')).toBe(logged === 0);
  expect(answer.body).not.toContain('gone wrong');
  expect(lines.filter((line) => line.includes('produce failed'))).toHaveLength(logged);
  expect(lines.join('')).not.toContain('secret');
});
