import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { readExactJson } from '../../domain/exact-json.ts';
import type { LinewardError } from '../../errors/lineward-error.ts';
import type { ProducedRecord } from '../../services/kafka/produce.service.ts';
import { fromFastify } from '../listener.ts';
import { answerType, embeddedTypes, mediaTypeOf, readProduceBody } from './produce-request.ts';
import { proxyCodeOf, recordCodes } from './proxy-codes.ts';
import { type RecordStreamDeps, recordStreamRoutes } from './record-stream.routes.ts';

const avroType = 'application/vnd.kafka.avro.v2+json';
const addressSchema = z.object({ topic: z.string(), partition: z.string().optional() });
const partitionPattern = /^\d{1,9}$/;

/**
 * `POST /topics/{topic}` and `POST /topics/{topic}/partitions/{partition}` of the Confluent REST Proxy v2: each record is checked against the entity mapped to the topic, and
 * answered on its own in `offsets`, in order.
 */
export function produceRoutes(server: FastifyInstance, deps: RecordStreamDeps): void {
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
  server.register(async (scope) => recordStreamRoutes(scope, deps));
}

function takeBodies(server: FastifyInstance): void {
  const parseJson = server.getDefaultJsonParser('error', 'ignore');
  server.addContentTypeParser(embeddedTypes, { parseAs: 'string' }, parseJson);
  server.removeContentTypeParser([avroType, 'text/plain']);
  server.addContentTypeParser<string>(avroType, { parseAs: 'string' }, (request, text, done) =>
    parseJson(request, text, (error: Error | null, body?: unknown) => {
      done(error, error === null && /\d{16}/.test(text) ? readExactJson(text) : body);
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
