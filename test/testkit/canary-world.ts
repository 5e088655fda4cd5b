import { randomUUID } from 'node:crypto';
import { type Data, documentOf, eventually, register, type TestApp, testApp } from './app.ts';
import { gatewayFor, testBroker, uniqueName } from './kafka.ts';
import { type WebhookReceiver, webhookReceiver } from './webhooks.ts';

/** Texts that are recognised wherever they turn up. */
export interface Marks {
  /** In every personal field. */
  readonly canary: string;
  /** In the keys of persons, by which they are found again. */
  readonly person: string;
  /** In what is refused on its way. */
  readonly refused: string;
}

/** A stream of an entity with personal data, from the topic it is sent to into the lake. */
export interface CanaryPlace {
  readonly entityId: string;
  readonly fullName: string;
  readonly key: string;
  readonly raw: string;
  readonly clean: string;
  readonly rawId: string;
  readonly table: string;
}

export interface CanaryWorld {
  readonly app: TestApp;
  readonly brokers: string;
  readonly marks: Marks;
  readonly places: readonly CanaryPlace[];
  readonly hooks: WebhookReceiver;
  readonly log: readonly string[];
  readonly preview: string;
  record(place: CanaryPlace, n: number): Data;
  stop(): Promise<void>;
}

const text = (name: string, type: string) => ({ name, type: 'string', twilio_type: type });
const bare = (name: string) => ({ name, type: 'string' });
const entities = [
  {
    ...{ name: 'Letter', key: 'sid', personal: ['to', 'from', 'message_body'] },
    fields: [text('to', 'phonenumber'), text('from', 'phonenumber'), text('message_body', 'customertext')],
  },
  {
    ...{ name: 'Contact', key: 'contact', personal: ['mail', 'phone', 'note'] },
    fields: [text('mail', 'email'), text('phone', 'phonenumber'), text('note', 'customertext')],
  },
];

export const recordsOfPlace = 20;

/** Two entities whose every personal field has the canary: sent, protected, landed, shaped, refused, and told of. */
export async function canaryWorld(redisUrl: string): Promise<CanaryWorld> {
  const marks = {
    canary: `CANARY-${randomUUID()}`,
    person: `PERSON-${randomUUID()}`,
    refused: `REFUSED-${randomUUID()}`,
  };
  const { brokers, close } = await testBroker();
  const log: string[] = [];
  const hooks = await webhookReceiver();
  const settings = {
    KAFKA_BROKERS: brokers,
    REDIS_URL: redisUrl,
    LOG_LEVEL: 'trace',
    WEBHOOK_PRIVATE_ADDRESSES: 'true',
  };
  const app = await testApp(settings, { write: (line) => log.push(line) });
  const record = ({ fullName, key }: Pick<CanaryPlace, 'fullName' | 'key'>, n: number): Data => {
    const { personal } = entities.find(({ name }) => fullName.endsWith(name)) ?? { personal: [] };
    return {
      ...{ [key]: `${marks.person}-${n}`, account: `AC${n % 2}`, day: '2026-01-01', seen: '2026-01-01T00:00:00Z' },
      ...Object.fromEntries(personal.map((name) => [name, `${marks.canary} of ${name}`])),
    };
  };
  await app.done('mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { userErrors { message } } }', {
    input: { name: 'told', url: hooks.url },
  });
  const gateway = gatewayFor(brokers);
  const places: CanaryPlace[] = [];
  for (const { name, key, fields } of entities) {
    const place = await placeOf(app, name, [bare(key), bare('account'), bare('day'), bare('seen'), ...fields], key);
    places.push(place);
    const records = Array.from({ length: recordsOfPlace }, (_, n) => ({ key: `k${n}`, value: record(place, n) }));
    const sent = await app.produce(place.raw, { records });
    if (sent.status !== 200) throw new Error(JSON.stringify(sent.body));
    // What the gate would not let in: a stream sets it aside.
    const odd = { ...record(place, 99), day: { is: marks.refused }, account: [marks.canary] };
    await gateway.produce(place.raw, [{ key: 'odd', value: JSON.stringify(odd) }]);
  }
  await gateway.close();
  for (const { table } of places) await landed(app, table);
  const preview = await shaped(app, places[1]);
  return {
    ...{ app, brokers, marks, places, hooks, log, preview, record },
    async stop() {
      await app.stop();
      await hooks.close();
      await close();
    },
  };
}

async function placeOf(app: TestApp, name: string, fields: readonly Data[], key: string): Promise<CanaryPlace> {
  const { registerEntityVersion } = await app.done(register, { input: { document: documentOf(name, fields) } });
  const entityId = registerEntityVersion.entity.id;
  if (name === 'Contact')
    await app.done(
      'mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) { userErrors { message } } }',
      { input: { action: 'ENCRYPT', semanticType: 'email', scope: 'ENTITY', scopeName: `Demo.${name}` } },
    );
  const [raw, clean] = [uniqueName(`raw-${name}`), uniqueName(`clean-${name}`)];
  const keys = { entityId, accountField: 'account', subjectFields: [key] };
  const { createStreamProtection } = await app.done(
    `mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) { userErrors { message }
       stream { source { id } } } }`,
    { input: { ...keys, sourceTopic: raw, targetTopic: clean, partitions: 1 } },
  );
  const { createLakeLanding } = await app.done(
    `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { message }
       stream { target { name } } } }`,
    { input: { ...keys, sourceTopic: clean, area: 'canary', dateField: 'day' } },
  );
  const rawId = createStreamProtection.stream.source.id;
  return { entityId, fullName: `Demo.${name}`, key, raw, clean, rawId, table: createLakeLanding.stream.target.name };
}

async function landed(app: TestApp, table: string): Promise<void> {
  await eventually(
    () => app.done('{ datasets(first: 50) { nodes { name lakeTable { rows } } } }'),
    ({ datasets }) => datasets.nodes.find(({ name }: Data) => name === table)?.lakeTable.rows === recordsOfPlace,
  );
}

/** A table that a transformer makes of what is protected; answers a document over the topic that is not. */
async function shaped(app: TestApp, place: CanaryPlace | undefined): Promise<string> {
  if (place === undefined) throw new Error('there is no place');
  const document = (topic: string, name: string): string =>
    JSON.stringify({
      ...{ name, key: [place.key], merge: { strategy: 'latest', by: 'seen' } },
      sources: [{ topic, transforms: [] }],
      resource: {
        format: 'ndjson',
        path: `data/${name}`,
        schema: { namespace: 'Demo', entity: 'Contact', version: 1 },
      },
    });
  const { createTransformer } = await app.done(
    `mutation ($input: CreateTransformerInput!) { createTransformer(input: $input) { userErrors { message } issues { message } transformer { id } } }`,
    { input: { document: document(place.clean, 'shaped') } },
  );
  const { id } = createTransformer.transformer;
  await app.done(
    'mutation ($input: RunTransformerInput!) { runTransformer(input: $input) { userErrors { message } } }',
    { input: { id } },
  );
  await eventually(
    () => app.done('{ transformer(name: "shaped") { runs(first: 1) { nodes { status reason } } } }'),
    ({ transformer }) => {
      const [run] = transformer.runs.nodes;
      if (run.status === 'FAILED') throw new Error(run.reason);
      return run.status === 'COMPLETED';
    },
  );
  return document(place.raw, 'looked-at');
}
