/** A process that rewrites a topic and may kill itself before or after a given call of a port. */
import { openDatabase } from '../../../src/adapters/postgres/orm.ts';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { KafkaGateway } from '../../../src/services/kafka/ports.ts';
import { gatewayFor } from '../../testkit/kafka.ts';
import { type KillPoint, killer } from '../../testkit/kill-point.ts';
import { around } from '../../testkit/lake.ts';
import { type SeededTarget, type SeededTopic, topicContext, topicExecutor } from '../../testkit/topics.ts';

export type TopicKill = KillPoint<'kafka' | 'topics' | 'lease'>;

export interface TopicChildWork {
  readonly url: string;
  readonly brokers: string;
  readonly kill: TopicKill;
  readonly topic: SeededTopic;
  readonly target: SeededTarget;
  readonly selection: Selection;
}

const work = JSON.parse(process.argv[2] ?? '') as TopicChildWork;

const killedIn = killer(work.kill);
const database = await openDatabase(work.url);
const gateway = gatewayFor(work.brokers);
const topics = around(gateway.topics, killedIn('topics'));
const calls: KafkaGateway = around<KafkaGateway>(gateway, killedIn('kafka'));
const kafka = new Proxy(calls, {
  get: (ports, verb) => (verb === 'topics' ? topics : Reflect.get(ports, verb, ports)),
});
const { topic, target, selection } = work;
const lease = killedIn('lease');
const assertHeld = async () => void (await lease('assertHeld', async () => undefined));
const context = await topicContext(database.em, { topic, ...target, selection, assertHeld });
await topicExecutor(database.em, kafka).execute(context);
await gateway.close();
await database.close();
