import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ErrorCode } from '../../errors/codes.ts';
import type { ProducedRecord, ProduceService } from '../../services/kafka/produce.service.ts';
import { fromFastify } from '../listener.ts';

const requestType = 'application/vnd.kafka.json.v2+json';
const answerType = 'application/vnd.kafka.v2+json';

const bodySchema = z.object({
  records: z
    .array(z.object({ key: z.unknown().optional(), value: z.unknown(), partition: z.number().int().min(0).optional() }))
    .min(1),
});
const topicSchema = z.object({ topic: z.string() });

/** Numbers of the Confluent REST Proxy v2 for our codes. */
const proxyCodes: Partial<Record<ErrorCode, number>> = {
  TOPIC_NOT_MAPPED: 40_401,
  BAD_INPUT: 42_203,
  LIMIT_EXCEEDED: 41_301,
  UNAUTHENTICATED: 40_101,
  KAFKA_NOT_CONFIGURED: 50_302,
  KAFKA_UNAVAILABLE: 50_301,
};
const recordCodes = { INVALID: 42_203, REFUSED: 50_002, UNAVAILABLE: 50_301 } as const;

/**
 * `POST /topics/{topic}` of the Confluent REST Proxy v2 with embedded format JSON: each record is checked against the
 * entity mapped to the topic, and answered on its own in `offsets`, in order.
 */
export function produceRoutes(server: FastifyInstance, deps: { readonly produce: ProduceService }): void {
  server.addContentTypeParser(
    [requestType, answerType],
    { parseAs: 'string' },
    server.getDefaultJsonParser('error', 'ignore'),
  );
  server.setErrorHandler((error, request, reply) => {
    const fault = fromFastify(error);
    if (fault.spec.level === 'error')
      request.log.error({ code: fault.code, error: fault.cause ?? fault }, 'produce failed');
    if (fault.spec.http === 503) reply.header('retry-after', '1');
    return reply
      .status(fault.spec.http)
      .type(answerType)
      .send({
        error_code: proxyCodes[fault.code] ?? fault.spec.http * 100 + 1,
        message: fault.spec.exposed ? fault.message : fault.spec.message,
      });
  });
  server.setNotFoundHandler((_request, reply) =>
    reply.status(404).type(answerType).send({ error_code: 404, message: 'HTTP 404 Not Found' }),
  );

  server.get('/', async () => ({}));
  server.post('/topics/:topic', async (request, reply) => {
    const { topic } = topicSchema.parse(request.params);
    const body = bodySchema.safeParse(request.body);
    if (!body.success) {
      const place = body.error.issues[0]?.path.join('.') || 'records';
      return reply
        .status(422)
        .type(answerType)
        .send({
          error_code: 42_203,
          message: `${place}: the body must be {"records": [{"key"?, "value", "partition"?}]}`,
        });
    }
    const { schemaId, results } = await deps.produce.produce(topic, body.data.records);
    const unavailable = results.every((result) => !result.ok && result.kind === 'UNAVAILABLE');
    return reply
      .status(unavailable ? 503 : 200)
      .type(answerType)
      .send({ offsets: results.map(toOffset), key_schema_id: null, value_schema_id: schemaId });
  });
}

function toOffset(result: ProducedRecord) {
  if (result.ok) return { partition: result.partition, offset: Number(result.offset), error_code: null, error: null };
  return { partition: null, offset: null, error_code: recordCodes[result.kind], error: result.message };
}
