import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { ProxiedTopics } from '../../services/kafka/proxied-topics.read-model.ts';
import type { ServedCluster } from './served-cluster.ts';
import * as answers from './topic-answers.ts';

export interface ClusterRoutesDeps {
  readonly cluster: ServedCluster;
  readonly topics: ProxiedTopics;
}

const topicSchema = z.object({ topic: z.string() });
const partitionSchema = z.object({ topic: z.string(), partition: z.string() });
const unknownTopic = { error_code: 40_403, message: 'This server does not host this topic-partition.' };

/** What the REST Proxy v3 says of its cluster and topics: whoever produces by it may look first. */
export function clusterRoutes(server: FastifyInstance, { cluster, topics }: ClusterRoutesDeps): void {
  const config = { action: 'DISCOVER' } as const;
  for (const prefix of ['/v3', '/kafka/v3']) {
    /** Answers what is asked below a cluster. */
    const get = (path: string, answer: (at: answers.AnsweredAt, request: FastifyRequest) => Promise<object>): void => {
      server.get(`${prefix}/clusters/:cluster${path}`, { config }, async (request, reply) => {
        const clusterId = await cluster.named(request, reply);
        return clusterId === null ? reply : foundOr404(reply, () => answer({ prefix, clusterId }, request));
      });
    };
    server.get(`${prefix}/clusters`, { config }, async () => {
      const at = { prefix, clusterId: await cluster.id() };
      return answers.listV3('KafkaClusterList', `${prefix}/clusters`, [answers.clusterV3(at)]);
    });
    get('', async (at) => answers.clusterV3(at));
    get('/brokers', async (at) => answers.brokersV3(at, await topics.brokers()));
    get('/topics', async (at) => answers.topicsV3(at, await topics.topics()));
    get('/topics/:topic', async (at, request) => answers.topicV3(at, await topics.topic(topicOf(request))));
    get('/topics/:topic/configs', async (at, request) => {
      const topic = topicOf(request);
      return answers.settingsV3(at, topic, await topics.settings(topic));
    });
    get('/topics/:topic/partitions', async (at, request) =>
      answers.partitionsV3(at, await topics.topic(topicOf(request))),
    );
    get('/topics/:topic/partitions/:partition', async (at, request) => {
      const { topic, partition } = partitionSchema.parse(request.params);
      const { partitions } = await topics.topic(topic);
      const found = partitions.find((one) => String(one.partition) === partition);
      if (found === undefined) throw new LinewardError('NOT_FOUND');
      return answers.partitionV3(at, topic, found);
    });
  }
}

const topicOf = (request: FastifyRequest): string => topicSchema.parse(request.params).topic;

async function foundOr404(reply: FastifyReply, answer: () => Promise<object>): Promise<object> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof LinewardError) || error.code !== 'NOT_FOUND') throw error;
    return reply.status(404).send(unknownTopic);
  }
}
