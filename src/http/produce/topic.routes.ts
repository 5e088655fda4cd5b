import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { ClusterPartition } from '../../services/kafka/ports.ts';
import type { ProxiedTopics } from '../../services/kafka/proxied-topics.read-model.ts';
import { partitionV2, topicV2 } from './topic-answers.ts';

const topicSchema = z.object({ topic: z.string() });
const partitionSchema = z.object({ topic: z.string(), partition: z.string() });
const noPartition = { error_code: 40_402, message: 'There is no such partition.' };
/** The media type of answers of the v2. */
export const answerType = 'application/vnd.kafka.v2+json';

/** What the REST Proxy v2 says of topics and brokers: whoever produces by it may look first. */
export function topicRoutes(server: FastifyInstance, topics: ProxiedTopics): void {
  const config = { action: 'DISCOVER' } as const;
  const topicOf = (request: FastifyRequest): string => topicSchema.parse(request.params).topic;
  const partitionOf = async (request: FastifyRequest): Promise<ClusterPartition | null> => {
    const { topic, partition } = partitionSchema.parse(request.params);
    const { partitions } = await topics.topic(topic);
    return partitions.find((one) => String(one.partition) === partition) ?? null;
  };

  server.addHook('onSend', async (_request, reply) => {
    reply.type(answerType);
  });
  server.get('/topics', { config }, async () =>
    (await topics.topics()).filter(({ isInternal }) => !isInternal).map(({ name }) => name),
  );
  server.get('/topics/:topic', { config }, async (request) => {
    const topic = topicOf(request);
    return topicV2(await topics.topic(topic), await topics.settings(topic));
  });
  server.get('/topics/:topic/partitions', { config }, async (request) =>
    (await topics.topic(topicOf(request))).partitions.map(partitionV2),
  );
  server.get('/topics/:topic/partitions/:partition', { config }, async (request, reply) => {
    const partition = await partitionOf(request);
    return partition === null ? reply.status(404).send(noPartition) : partitionV2(partition);
  });
  server.get('/topics/:topic/partitions/:partition/offsets', { config }, async (request, reply) => {
    const partition = await partitionOf(request);
    if (partition === null) return reply.status(404).send(noPartition);
    const range = await topics.range(topicOf(request), partition.partition);
    if (range === null) throw new LinewardError('KAFKA_UNAVAILABLE');
    return { beginning_offset: Number(range.earliest), end_offset: Number(range.latest) };
  });
  server.get('/brokers', { config }, async () => ({ brokers: (await topics.brokers()).map(({ id }) => id) }));
}
