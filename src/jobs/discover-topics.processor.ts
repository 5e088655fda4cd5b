import { systemActor } from '../domain/access/actor.ts';
import type { TopicDiscovery } from '../services/kafka/topic-discovery.ts';
import { discoverTopicsJob } from './discover-topics.job.ts';
import { implementJob, type JobProcessor } from './kit.ts';

export function discoverTopicsProcessor(deps: { readonly topicDiscovery: TopicDiscovery }): JobProcessor {
  return implementJob(discoverTopicsJob, async ({ logger }) => {
    const found = await deps.topicDiscovery.discover(systemActor);
    if (found.discovered + found.gone + found.returned > 0) logger.info({ ...found }, 'topics were discovered');
  });
}
