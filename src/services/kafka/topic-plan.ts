import type { EntityManager } from '@mikro-orm/postgresql';
import type { Selection } from '../../domain/governance/selection.ts';
import { UnreadableRecords } from '../../domain/kafka/record-content.ts';
import { groupOf } from '../../domain/kafka/stream-name.ts';
import { nextGeneration, topicCharsMax } from '../../domain/kafka/topic-generation.ts';
import type { Gap, TargetEstimate, TargetPlace } from '../../domain/operations/target.ts';
import { plannedTransformation } from '../operations/as-planned.ts';
import { MinimumTally } from './kept-by-minimum.ts';
import { scanBatches } from './message-batches.ts';
import type { KafkaGateway } from './ports.ts';
import type { StreamReadModel } from './stream.read-model.ts';
import type { TopicAction } from './topic-action.ts';
import { lastGeneration, unfinishedRewrites } from './topic-rewrites.ts';

/** Messages a second that are copied, and compared, on one core; only for the estimate. */
const copyRate = 40_000;

export interface TopicPlanDeps {
  readonly em: EntityManager;
  readonly kafka: KafkaGateway;
  readonly streams: Pick<StreamReadModel, 'streamsFrom' | 'streamsInto'>;
}

/** What rewriting a topic would do, and whom it would concern beside its records. Writes nothing. */
export async function planTopicRewrite(
  deps: TopicPlanDeps,
  place: TargetPlace,
  work: { readonly action: TopicAction; readonly selection: Selection },
): Promise<TargetEstimate> {
  const generation = nextGeneration(place.name, await lastGeneration(deps.em, place.datasetId));
  const gap = refusal(place, generation) ?? (await refusalOf(deps, place, work.action));
  if (gap !== null) return { ...nothing, gaps: [gap] };
  const seen = await look(deps.kafka, place, work);
  const offsets = await deps.kafka.offsets(place.name);
  const { mark } = work.action;
  return {
    ...nothing,
    action: 'REWRITE',
    records: seen.concerned,
    bytes: seen.bytes,
    seconds: Math.ceil((2 * seen.messages) / copyRate),
    gaps: seen.gaps,
    manifest: [
      ...plannedTransformation(mark),
      { source: place.name, generation },
      ...(await before(deps, place)),
      ...offsets.map(({ partition, earliest, latest }) => ({ partition, earliest, latest })),
      ...(await streamsOf(deps, place)),
      ...(await groupsOf(deps, place)),
    ],
  };
}

const nothing = { action: 'NONE', files: 0, bytes: 0, records: 0, seconds: 0, gaps: [], manifest: [] } as const;

function refusal(place: TargetPlace, generation: string): Gap | null {
  const gap = (reason: string): Gap => ({ code: 'TOPIC_REFUSED', dataset: place.name, reason });
  if (place.name.startsWith('__')) return gap('it is a topic of the broker itself, and is never rewritten');
  return generation.length > topicCharsMax ? gap('its name is too long for that of a next generation') : null;
}

/** Streams that protect what they write into the topic may leave nothing to do that must not be done twice. */
async function refusalOf(
  { streams }: TopicPlanDeps,
  { datasetId, name }: TargetPlace,
  action: TopicAction,
): Promise<Gap | null> {
  const writers = (await streams.streamsInto(datasetId)).filter(({ kind }) => kind === 'PROTECTION');
  const reason = action.refusalBehind?.(writers.map(({ id }) => id)) ?? null;
  return reason === null ? null : { code: 'TOPIC_REFUSED', dataset: name, reason };
}

async function look(
  kafka: KafkaGateway,
  place: TargetPlace,
  { action, selection }: { readonly action: TopicAction; readonly selection: Selection },
) {
  const seen = { messages: 0, bytes: 0, concerned: 0 };
  const unreadable = new UnreadableRecords();
  const kept = new MinimumTally(action, selection);
  await scanBatches(
    kafka,
    place.name,
    async (messages) => {
      for (const { key, value } of messages) seen.bytes += (key?.length ?? 0) + (value?.length ?? 0);
      seen.messages += messages.length;
      await kept.add(messages);
      for (const concern of await action.concerns(messages, selection)) {
        if (concern === true) seen.concerned += 1;
        else if (concern !== false) unreadable.add(concern);
      }
    },
    {},
  );
  const unreadableGaps = unreadable
    .reasons()
    .map((reason) => ({ code: 'MESSAGE_UNREADABLE', dataset: place.name, reason }));
  return { ...seen, gaps: [...unreadableGaps, ...kept.gaps(place.name)] };
}

/** Generations before this one that still exist, and the operation that has to end with them first. */
async function before({ em }: TopicPlanDeps, { datasetId }: TargetPlace) {
  const rows = await unfinishedRewrites(em, datasetId);
  return rows.map(({ source, generation, operationId }) => ({ before: source, generation, operationId }));
}

async function streamsOf({ streams }: TopicPlanDeps, { datasetId }: TargetPlace) {
  const [reads, writes] = [await streams.streamsFrom(datasetId), await streams.streamsInto(datasetId)];
  return [
    ...reads.map(({ id, kind }) => ({ stream: id, kind, way: 'READS' })),
    ...writes.map(({ id, kind }) => ({ stream: id, kind, way: 'WRITES' })),
  ];
}

/** Other people's consumer groups: those that are at work will have to be moved by hand. */
async function groupsOf({ kafka, streams }: TopicPlanDeps, { datasetId, name }: TargetPlace) {
  const own = new Set((await streams.streamsFrom(datasetId)).map(({ id }) => groupOf(id)));
  const groups = (await kafka.topics.groupsOn(name)).filter(({ group }) => !own.has(group));
  return groups.map(({ group, isActive, offsets }) => ({ group, isActive, offsets: Object.fromEntries(offsets) }));
}
