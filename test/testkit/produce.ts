import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import type { KafkajsGateway } from '../../src/adapters/kafka/kafkajs-gateway.ts';
import type { SchemaFormat } from '../../src/domain/registry/schema-format.ts';
import type { KafkaMessage } from '../../src/services/kafka/ports.ts';
import { type Data, eventually, type TestApp, testApp } from './app.ts';
import { gatewayFor, scanAll, testBroker, uniqueName } from './kafka.ts';

/** An app with a broker, and what tests of the produce API ask of both. */
export interface ProduceTest {
  readonly app: TestApp;
  readonly brokers: string;
  readonly gateway: KafkajsGateway;
  readonly registry: SchemaRegistry;
  /** Registers a schema under a subject and answers its id. */
  register(schemaType: SchemaFormat, schema: string, subject: string): Promise<number>;
  /** A new topic with one partition that an entity is mapped to; a compacted one where it says so. */
  topicOf(namespace: string, name: string, accountField: string, more?: TopicOf): Promise<string>;
  /** All messages of a topic. A broker that has just started loads its groups, and refuses readers meanwhile. */
  messages(topic: string): Promise<KafkaMessage[]>;
  close(): Promise<void>;
}

interface TopicOf {
  readonly subjectFields?: readonly string[];
  readonly config?: Readonly<Record<string, string>>;
}

export async function produceTest(): Promise<ProduceTest> {
  const { brokers, close } = await testBroker();
  const app = await testApp({ KAFKA_BROKERS: brokers });
  const gateway = gatewayFor(brokers);
  const registry = new SchemaRegistry({ host: app.urls.registry ?? '' });
  return {
    app,
    brokers,
    gateway,
    registry,
    register: async (schemaType, schema, subject) => {
      const answer = await fetch(`${app.urls.registry}/subjects/${subject}/versions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ schemaType, schema }),
      });
      const { id, message }: Data = await answer.json();
      if (!answer.ok) throw new Error(message);
      return id;
    },
    topicOf: async (namespace, name, accountField, { subjectFields = [], config = {} } = {}) => {
      const topic = uniqueName('produce');
      await gateway.ensureTopic({ name: topic, partitions: 1, config });
      const { entity } = await app.done(
        'query ($namespace: String!, $name: String!) { entity(namespace: $namespace, name: $name) { id } }',
        { namespace, name },
      );
      const dataset = { namespace: `kafka://${brokers}`, name: topic };
      await app.done(
        'mutation ($input: MapEntityInput!) { mapEntity(input: $input) { userErrors { code message } } }',
        { input: { entityId: entity.id, dataset, role: 'TOPIC', accountField, subjectFields } },
      );
      return topic;
    },
    messages: async (topic) => {
      const scan = () => scanAll(gateway, topic).catch(() => null);
      return (await eventually(scan, (found) => found !== null)) ?? [];
    },
    close: async () => {
      await gateway.close();
      await app.stop();
      await close();
    },
  };
}
