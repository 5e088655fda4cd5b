/** A process that rewrites a topic and may kill itself before or after a given call of a port. */
import { openDatabase } from '../../../src/adapters/postgres/orm.ts';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { KafkaGateway } from '../../../src/services/kafka/ports.ts';
import { gatewayFor } from '../../testkit/kafka.ts';
import { around } from '../../testkit/lake.ts';
import { type SeededTarget, type SeededTopic, topicContext, topicExecutor } from '../../testkit/topics.ts';

export interface TopicKill {
  readonly port: 'kafka' | 'topics' | 'lease';
  readonly verb: string;
  readonly when: 'before' | 'after';
  /** Which call of the verb, from 1. */
  readonly nth: number;
}

export interface TopicChildWork {
  readonly url: string;
  readonly brokers: string;
  readonly kill: TopicKill;
  readonly topic: SeededTopic;
  readonly target: SeededTarget;
  readonly selection: Selection;
}

const work = JSON.parse(process.argv[2] ?? '') as TopicChildWork;

const killer = (port: TopicKill['port']) => {
  let calls = 0;
  return async (verb: string, call: () => unknown): Promise<unknown> => {
    if (work.kill.port !== port || work.kill.verb !== verb) return call();
    calls += 1;
    const isNow = calls === work.kill.nth;
    if (isNow && work.kill.when === 'before') await die();
    const result = await call();
    if (isNow) await die();
    return result;
  };
};

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
}

const database = await openDatabase(work.url);
const gateway = gatewayFor(work.brokers);
const topics = around(gateway.topics, killer('topics'));
const calls: KafkaGateway = around<KafkaGateway>(gateway, killer('kafka'));
const kafka = new Proxy(calls, {
  get: (ports, verb) => (verb === 'topics' ? topics : Reflect.get(ports, verb, ports)),
});
const { topic, target, selection } = work;
const lease = killer('lease');
const assertHeld = async () => void (await lease('assertHeld', async () => undefined));
const context = await topicContext(database.em, { topic, ...target, selection, assertHeld });
await topicExecutor(database.em, kafka).execute(context);
await gateway.close();
await database.close();
