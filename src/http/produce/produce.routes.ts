import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ErrorCode } from '../../errors/codes.ts';
import type { LinewardError } from '../../errors/lineward-error.ts';
import type { ProducedRecord, ProduceService } from '../../services/kafka/produce.service.ts';
import { fromFastify } from '../listener.ts';
import {
  answerType,
  binaryType,
  embeddedFormats,
  mediaTypeOf,
  readProduceBody,
  withExactIntegers,
} from './produce-request.ts';

const avroType = 'application/vnd.kafka.avro.v2+json';
const topicSchema = z.object({ topic: z.string() });

/** Numbers of the Confluent REST Proxy v2 for our codes; the status is their first three digits. */
const proxyCodes: Partial<Record<ErrorCode, number>> = {
  TOPIC_NOT_MAPPED: 40_401,
  NOT_FOUND: 40_401,
  MESSAGE_INVALID: 42_203,
  LIMIT_EXCEEDED: 41_301,
  UNAUTHENTICATED: 40_101,
  KEY_SCHEMA_MISSING: 42_201,
  VALUE_SCHEMA_MISSING: 42_202,
  SCHEMA_INVALID: 42_205,
  SCHEMA_TOO_LARGE: 42_205,
  FIELD_DUPLICATE: 42_205,
  SCHEMA_NOT_USABLE: 40_801,
  SCHEMA_NOT_FOUND: 40_801,
  SCHEMA_INCOMPATIBLE: 40_801,
  SUBJECT_NOT_FOUND: 40_801,
  SUBJECT_INVALID: 40_801,
  VERSION_NOT_FOUND: 40_801,
  VERSION_INVALID: 40_801,
  REGISTRY_NOT_PERMITTED: 40_801,
  KAFKA_NOT_CONFIGURED: 50_302,
  KAFKA_UNAVAILABLE: 50_301,
};
const recordCodes = { INVALID: 42_203, NO_PARTITION: 40_402, REFUSED: 50_002, UNAVAILABLE: 50_301 } as const;

/**
 * `POST /topics/{topic}` of the Confluent REST Proxy v2: each record is checked against the entity mapped to the topic, and
 * answered on its own in `offsets`, in order.
 */
export function produceRoutes(server: FastifyInstance, deps: { readonly produce: ProduceService }): void {
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

  server.get('/', async () => ({}));
  server.post('/topics/:topic', async (request, reply) => {
    const { topic } = topicSchema.parse(request.params);
    const mediaType = mediaTypeOf(request.headers['content-type']);
    if (mediaType === binaryType)
      return reply.status(415).type(answerType).send({
        error_code: 415,
        message:
          'Binary records cannot be checked against the entity mapped to the topic; send them as json, avro, jsonschema or protobuf.',
      });
    const format = embeddedFormats.get(mediaType) ?? null;
    const produced = await deps.produce.produce(request.actor, { topic, format, ...readProduceBody(request.body) });
    const { keySchemaId, valueSchemaId, results } = produced;
    const unavailable = results.every((result) => !result.ok && result.kind === 'UNAVAILABLE');
    return reply
      .status(unavailable ? 503 : 200)
      .type(answerType)
      .send({ offsets: results.map(toOffset), key_schema_id: keySchemaId, value_schema_id: valueSchemaId });
  });
}

function takeBodies(server: FastifyInstance): void {
  const parseJson = server.getDefaultJsonParser('error', 'ignore');
  server.addContentTypeParser([...embeddedFormats.keys(), binaryType], { parseAs: 'string' }, parseJson);
  server.removeContentTypeParser([avroType, 'text/plain']);
  server.addContentTypeParser<string>(avroType, { parseAs: 'string' }, (request, text, done) =>
    parseJson(request, text, (error: Error | null, body?: unknown) => {
      // Reading all numbers twice is dear, and most bodies have none that long.
      done(error, error === null && /\d{16}/.test(text) ? withExactIntegers(text) : body);
    }),
  );
}

function numbersOf(error: unknown, fault: LinewardError): { readonly status: number; readonly code: number } {
  const given = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
  if (given === 415) return { status: 415, code: 415 };
  // Broken JSON is bad data to the proxy's clients, and a bad request to HTTP.
  if (fault.code === 'BAD_INPUT') return { status: fault.spec.http, code: 42_203 };
  const code = proxyCodes[fault.code];
  return code === undefined
    ? { status: fault.spec.http, code: fault.spec.http * 100 + 1 }
    : { status: Math.trunc(code / 100), code };
}

function toOffset(result: ProducedRecord) {
  if (result.ok) return { partition: result.partition, offset: Number(result.offset), error_code: null, error: null };
  return { partition: null, offset: null, error_code: recordCodes[result.kind], error: result.message };
}
