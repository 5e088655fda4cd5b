import type { Kafka } from 'kafkajs';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { createClient, type KafkaClientOptions } from '../client.ts';
import type { ProtocolRequest } from './requests.ts';
import { WireReader } from './wire.ts';

/** The parts of kafkajs below its public face that are used here; its version is pinned. */
interface KafkajsCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  readonly brokerPool: {
    readonly seedBroker: {
      readonly versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>>;
      readonly connectionPool: { send(request: KafkajsRequest): Promise<unknown> };
    };
  };
}
interface KafkajsRequest {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    /** kafkajs tells its own encoder by `buf`, and copies `buffer`. */
    encode(): Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
  };
  readonly response: { decode(raw: Buffer): Promise<unknown>; parse(data: unknown): Promise<unknown> };
  readonly logResponseError: boolean;
}

const makerOfClusters = 'private:Kafka:createCluster';

/**
 * Sends requests that kafkajs has no function for over connections that kafkajs makes, with its logins, TLS, timeouts and
 * throttling. kafkajs has no public way to do so: the maker of its connections is looked up by name (ADR 0019).
 */
export class ProtocolConnection {
  readonly #cluster: KafkajsCluster;

  constructor(options: KafkaClientOptions) {
    this.#cluster = clusterOf(createClient(options));
  }

  async send<Answer>(request: ProtocolRequest<Answer>): Promise<Answer> {
    await this.#cluster.connect();
    const { versions, connectionPool } = this.#cluster.brokerPool.seedBroker;
    const known = versions[request.apiKey];
    if (known === undefined || request.apiVersion < known.minVersion || request.apiVersion > known.maxVersion) {
      if (request.older !== undefined) return this.send(request.older);
      throw new LinewardError('KAFKA_REFUSED', `The broker does not support ${request.name} v${request.apiVersion}.`);
    }
    const { apiKey, apiVersion, name: apiName, body } = request;
    const answer = await connectionPool.send({
      request: { apiKey, apiVersion, apiName, encode: async () => ({ buf: body, buffer: body }) },
      response: {
        decode: async (raw) => ({ answer: request.read(new WireReader(raw)) }),
        parse: async (data) => data,
      },
      logResponseError: false,
    });
    return (answer as { readonly answer: Answer }).answer;
  }

  async close(): Promise<void> {
    await this.#cluster.disconnect();
  }
}

function clusterOf(kafka: Kafka): KafkajsCluster {
  const maker = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === makerOfClusters);
  const make: unknown = maker === undefined ? undefined : Reflect.get(kafka, maker);
  if (typeof make !== 'function') throw new LinewardError('INTERNAL', 'kafkajs does not make connections as it did');
  return make({ allowAutoTopicCreation: false }) as KafkajsCluster;
}
