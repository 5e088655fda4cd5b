import { Readable } from 'node:stream';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import { toLinewardError } from '../../errors/lineward-error.ts';
import type { ProducedRecord, ProduceService } from '../../services/kafka/produce.service.ts';
import { jsonDocuments } from './json-documents.ts';
import { proxyCodeOf, recordCodes } from './proxy-codes.ts';
import { readRecordDocument, type StreamedRecord } from './record-document.ts';
import type { ServedCluster } from './served-cluster.ts';

export interface RecordStreamDeps {
  readonly produce: ProduceService;
  readonly cluster: Pick<ServedCluster, 'named'>;
}

/** Most bytes of one record as JSON; brokers take about a million by themselves. */
const recordBytesMax = 8 * 1024 * 1024;
const addressSchema = z.object({ topic: z.string() });

/** What a stream is written to. */
interface Destination {
  /** Who sends now: a stream may go on for longer than its token is good. */
  readonly actorNow: () => Actor | Promise<Actor>;
  readonly cluster: string;
  readonly topic: string;
  readonly log: FastifyBaseLogger;
}

type KnownDestination = Destination & { readonly actor: Actor };

/**
 * Records of the Confluent REST Proxy v3: a stream of JSON objects, each answered by one, in order, while the stream goes on.
 * What has arrived together is written together, and the stream is read further when it is answered.
 */
export function recordStreamRoutes(server: FastifyInstance, deps: RecordStreamDeps): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, payload, done) => done(null, payload));

  for (const prefix of ['/v3', '/kafka/v3']) {
    server.post(
      `${prefix}/clusters/:cluster/topics/:topic/records`,
      { config: { action: 'PRODUCE' } },
      async (request, reply) => {
        const cluster = await deps.cluster.named(request, reply);
        if (cluster === null) return reply;
        const { topic } = addressSchema.parse(request.params);
        return stream(
          reply,
          answers(deps.produce, { actorNow: () => request.actorNow(), cluster, topic, log: request.log }, request.body),
        );
      },
    );
  }
}

function stream(reply: FastifyReply, lines: AsyncIterable<string>): FastifyReply {
  return reply.type('application/json').send(Readable.from(lines));
}

async function* answers(produce: ProduceService, to: Destination, body: unknown): AsyncGenerator<string> {
  if (!(body instanceof Readable)) return;
  try {
    for await (const texts of jsonDocuments(body, recordBytesMax)) {
      const actor = await to.actorNow();
      for (const answer of await written(produce, { ...to, actor }, texts)) yield `${JSON.stringify(answer)}\n`;
    }
  } catch (error) {
    // The status has gone out; what cannot be read further ends with its reason, and the connection with the stream.
    yield `${JSON.stringify(faultOf(error, to.log))}\n`;
  }
}

/** Writes records that stand together, run by run of those that are written alike; answers all in their order. */
async function written(
  produce: ProduceService,
  to: KnownDestination,
  texts: readonly string[],
): Promise<readonly object[]> {
  const all: object[] = [];
  for (const run of runsOf(texts, to.log))
    all.push(...(Array.isArray(run) ? await writtenRun(produce, to, run) : [run]));
  return all;
}

/** Records one after the other that are written alike, and answers to those that cannot be read. */
function runsOf(texts: readonly string[], log: FastifyBaseLogger): readonly (StreamedRecord[] | object)[] {
  const runs: (StreamedRecord[] | object)[] = [];
  let alike = '';
  for (const text of texts) {
    const read = readOr(text, log);
    const key = read.ok ? JSON.stringify([read.streamed.keys, read.streamed.values]) : '';
    const last = runs.at(-1);
    if (!read.ok) runs.push(read.answer);
    else if (key === alike && Array.isArray(last)) last.push(read.streamed);
    else runs.push([read.streamed]);
    alike = key;
  }
  return runs;
}

function readOr(
  text: string,
  log: FastifyBaseLogger,
): { readonly ok: true; readonly streamed: StreamedRecord } | { readonly ok: false; readonly answer: object } {
  try {
    return { ok: true, streamed: readRecordDocument(text) };
  } catch (error) {
    return { ok: false, answer: faultOf(error, log) };
  }
}

async function writtenRun(
  produce: ProduceService,
  { actor, cluster, topic, log }: KnownDestination,
  run: readonly StreamedRecord[],
): Promise<readonly object[]> {
  const [first] = run;
  if (first === undefined) return [];
  try {
    const { keys, values } = first;
    const records = run.map(({ record }) => record);
    const { results, ...schemas } = await produce.produce(actor, { topic, keys, values, records });
    return results.map((result, index) => {
      const streamed = run[index] ?? first;
      if (!result.ok) return { error_code: recordCodes[result.kind], message: result.message };
      return { ...placeOf(result), cluster_id: cluster, topic_name: topic, ...partsOf(streamed, result, schemas) };
    });
  } catch (error) {
    const answer = faultOf(error, log);
    return run.map(() => answer);
  }
}

type Written = Extract<ProducedRecord, { ok: true }>;

function placeOf({ partition, offset }: Written): object {
  return { error_code: 200, partition_id: partition, offset: Number(offset) };
}

function partsOf(
  { types, record }: StreamedRecord,
  { keySize, valueSize }: Written,
  schemas: { readonly keySchemaId: number | null; readonly valueSchemaId: number | null },
): object {
  const { timestamp } = record;
  return {
    timestamp: timestamp === undefined ? null : new Date(Number(timestamp)).toISOString(),
    key: keySize === null ? null : { type: types.key, size: keySize, schema_id: schemas.keySchemaId },
    value: valueSize === null ? null : { type: types.value, size: valueSize, schema_id: schemas.valueSchemaId },
  };
}

/** The answer to a failure; one of our own is logged, since no status tells of it. */
function faultOf(error: unknown, log: FastifyBaseLogger): { readonly error_code: number; readonly message: string } {
  const fault = toLinewardError(error);
  if (fault.spec.level === 'error') log.error({ code: fault.code, error: fault.cause ?? fault }, 'produce failed');
  return { error_code: proxyCodeOf(fault.code), message: fault.spec.exposed ? fault.message : fault.spec.message };
}
