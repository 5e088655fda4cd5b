import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { mayHoldLongNumber, readExactJson } from '../../domain/exact-json.ts';
import type { LinewardError } from '../../errors/lineward-error.ts';
import type { KafkaGateway } from '../../services/kafka/ports.ts';
import type { ProducedRecord, ProduceService } from '../../services/kafka/produce.service.ts';
import type { ProxiedTopics } from '../../services/kafka/proxied-topics.read-model.ts';
import { fromFastify } from '../listener.ts';
import { clusterRoutes } from './cluster.routes.ts';
import { embeddedTypes, mediaTypeOf, readProduceBody } from './produce-request.ts';
import { proxyCodeOf, recordCodes } from './proxy-codes.ts';
import { recordStreamRoutes } from './record-stream.routes.ts';
import { ServedCluster } from './served-cluster.ts';
import { answerType, topicRoutes } from './topic.routes.ts';

export interface ProduceRoutesDeps {
  readonly produce: ProduceService;
  readonly kafka: Pick<KafkaGateway, 'cluster'>;
  readonly proxiedTopics: ProxiedTopics;
}

const avroType = 'application/vnd.kafka.avro.v2+json';
const addressSchema = z.object({ topic: z.string(), partition: z.string().optional() });
const partitionPattern = /^\d{1,9}$/;

/**
 * `POST /topics/{topic}` and `POST /topics/{topic}/partitions/{partition}` of the Confluent REST Proxy v2: each record is checked against the entity mapped to the topic, and
 * answered on its own in `offsets`, in order.
 */
export function produceRoutes(server: FastifyInstance, deps: ProduceRoutesDeps): void {
  takeBodies(server);
  server.setErrorHandler((error, request, reply) => {
    const fault = fromFastify(error);
    if (fault.spec.level === 'error')
      request.log.error({ code: fault.code, error: fault.cause ?? fault }, 'produce failed');
    if (fault.spec.http === 503) reply.header('retry-after', '1');
    const { status, code } = numbersOf(error, fault);
    return reply
      .status(status)
      .type(answerType)
      .send({ error_code: code, message: fault.spec.exposed ? fault.message : fault.spec.message });
  });
  server.setNotFoundHandler((_request, reply) =>
    reply.status(404).type(answerType).send({ error_code: 404, message: 'HTTP 404 Not Found' }),
  );

  server.get('/', { config: { action: 'DISCOVER' } }, async () => ({}));
  const produce = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { topic, partition } = addressSchema.parse(request.params);
    if (partition !== undefined && !partitionPattern.test(partition))
      return reply.status(404).type(answerType).send({ error_code: 40_402, message: 'There is no such partition.' });
    const mediaType = mediaTypeOf(request.headers['content-type']);
    const body = readProduceBody(request.body, mediaType, partition === undefined ? null : Number(partition));
    const { keySchemaId, valueSchemaId, results } = await deps.produce.produce(request.actor, { topic, ...body });
    const unavailable = results.every((result) => !result.ok && result.kind === 'UNAVAILABLE');
    return reply
      .status(unavailable ? 503 : 200)
      .type(answerType)
      .send({ offsets: results.map(toOffset), key_schema_id: keySchemaId, value_schema_id: valueSchemaId });
  };
  server.post('/topics/:topic', { config: { action: 'PRODUCE' } }, produce);
  server.post('/topics/:topic/partitions/:partition', { config: { action: 'PRODUCE' } }, produce);
  const cluster = new ServedCluster(deps.kafka.cluster);
  server.register(async (scope) => topicRoutes(scope, deps.proxiedTopics));
  server.register(async (scope) => clusterRoutes(scope, { cluster, topics: deps.proxiedTopics }));
  server.register(async (scope) => recordStreamRoutes(scope, { produce: deps.produce, cluster }));
}

function takeBodies(server: FastifyInstance): void {
  const parseJson = server.getDefaultJsonParser('error', 'ignore');
  server.addContentTypeParser(embeddedTypes, { parseAs: 'string' }, parseJson);
  server.removeContentTypeParser([avroType, 'text/plain']);
  server.addContentTypeParser<string>(avroType, { parseAs: 'string' }, (request, text, done) =>
    parseJson(request, text, (error: Error | null, body?: unknown) => {
      done(error, error === null && mayHoldLongNumber(text) ? readExactJson(text) : body);
    }),
  );
}

function numbersOf(error: unknown, fault: LinewardError): { readonly status: number; readonly code: number } {
  const given = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
  if (given === 415) return { status: 415, code: 415 };
  // Broken JSON is bad data to the proxy's clients, and a bad request to HTTP.
  if (fault.code === 'BAD_INPUT') return { status: fault.spec.http, code: 42_203 };
  const code = proxyCodeOf(fault.code);
  return { status: Math.trunc(code / 100), code };
}

function toOffset(result: ProducedRecord) {
  if (result.ok) return { partition: result.partition, offset: Number(result.offset), error_code: null, error: null };
  return { partition: null, offset: null, error_code: recordCodes[result.kind], error: result.message };
}
