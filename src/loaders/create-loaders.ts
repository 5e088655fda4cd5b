import DataLoader from 'dataloader';
import { type HistoryType, historyParts } from '../domain/changes/value-change.ts';
import type { PolicyState } from '../domain/governance/retention-policy.ts';
import type { WordKind } from '../domain/lineage/vocabulary.ts';
import type { Page, PageRequest } from '../domain/page.ts';
import type { AccessPolicyReadModel } from '../services/access/access-policy.read-model.ts';
import type { AuditReadModel } from '../services/audit/audit.read-model.ts';
import type { ValueHistoryReadModel } from '../services/changes/value-history.read-model.ts';
import type { WebhookReadModel } from '../services/changes/webhook.read-model.ts';
import type { DecisionReadModel } from '../services/governance/decision.read-model.ts';
import type { GovernanceReadModel } from '../services/governance/governance.read-model.ts';
import type { RetentionPolicyReadModel } from '../services/governance/retention-policy.read-model.ts';
import type { ClusterReadModel, TopicPartition } from '../services/kafka/cluster.read-model.ts';
import type { TopicSetting } from '../services/kafka/ports.ts';
import type { StreamActivity } from '../services/kafka/stream-activity.ts';
import type { StreamLags } from '../services/kafka/stream-lag.ts';
import type { TopicRetentionReadModel } from '../services/kafka/topic-retention.read-model.ts';
import type { LakeReadModel } from '../services/lake/lake.read-model.ts';
import type {
  DatasetDescriptionReadModel,
  DescriptionQuestion,
} from '../services/lineage/dataset-description.read-model.ts';
import type { DatasetFieldReadModel } from '../services/lineage/dataset-field.read-model.ts';
import type { LineageCatalogReadModel } from '../services/lineage/lineage-catalog.read-model.ts';
import type { VocabularyReadModel } from '../services/lineage/vocabulary.read-model.ts';
import type { OperationReadModel } from '../services/operations/operation.read-model.ts';
import type { AffectedDatasetsReadModel } from '../services/registry/affected-datasets.ts';
import type {
  DiffQuestion,
  EntityVersionReadModel,
  VersionDiff,
} from '../services/registry/entity-version.read-model.ts';
import type { RegistryReadModel } from '../services/registry/registry.read-model.ts';
import type { TransformerReadModel } from '../services/transform/transformer.read-model.ts';

/** Names a term of the glossary or a domain. */
export interface WordName {
  readonly kind: WordKind;
  readonly name: string;
}

/** A nested list: the parent and the page of it that was asked for. */
export interface PageKey {
  readonly parentId: string;
  readonly request: PageRequest;
}

/** Loads what is known of each key, and `nothing` of those of which nothing is. */
function byKey<Value, Nothing, Key = string>(
  read: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>,
  nothing: Nothing,
): DataLoader<Key, Value | Nothing> {
  return new DataLoader(async (keys) => {
    const found = await read(keys);
    return keys.map((key) => found.get(key) ?? nothing);
  });
}

/** Loads rows by id; a missing one is null. */
function byId<T extends { readonly id: string }>(
  read: (ids: readonly string[]) => Promise<readonly T[]>,
): DataLoader<string, T | null> {
  return byKey(async (ids) => new Map((await read(ids)).map((row) => [row.id, row])), null);
}

/** Loads pages of nested lists: one statement for all parents that asked for the same page. */
function pages<T>(
  read: (parentIds: readonly string[], request: PageRequest) => Promise<(parentId: string) => Page<T>>,
): DataLoader<PageKey, Page<T>, string> {
  const load = async (keys: readonly PageKey[]): Promise<Page<T>[]> => {
    const groups = Map.groupBy(keys, (key) => JSON.stringify(key.request));
    const answers = new Map<string, (parentId: string) => Page<T>>();
    for (const [request, members] of groups) {
      answers.set(
        request,
        await read(
          members.map((member) => member.parentId),
          members[0]?.request ?? {},
        ),
      );
    }
    return keys.map((key) => {
      const answer = answers.get(JSON.stringify(key.request));
      return answer === undefined ? emptyPage() : answer(key.parentId);
    });
  };
  return new DataLoader(load, { cacheKeyFn: (key) => JSON.stringify([key.parentId, key.request]) });
}

function emptyPage<T>(): Page<T> {
  return { items: [], hasNextPage: false, hasPreviousPage: false, cursorOf: () => '', totalCount: async () => 0 };
}

function byType<Loader>(loader: (type: HistoryType) => Loader): Readonly<Record<HistoryType, Loader>> {
  const types = Object.keys(historyParts) as HistoryType[];
  return Object.fromEntries(types.map((type) => [type, loader(type)])) as Record<HistoryType, Loader>;
}

interface MomentKey {
  readonly type: HistoryType;
  readonly id: string;
  readonly asOf: Date;
}

/** What was in force: one statement for each type and moment. */
function valuesAsOf(history: ValueHistoryReadModel) {
  const groupOf = ({ type, asOf }: MomentKey): string => `${type} ${asOf.getTime()}`;
  return new DataLoader(
    async (keys: readonly MomentKey[]) => {
      const answers = new Map<string, Awaited<ReturnType<typeof history.valuesAsOf>>>();
      for (const [group, members] of Map.groupBy(keys, groupOf)) {
        const [first] = members;
        const ids = members.map(({ id }) => id);
        if (first !== undefined) answers.set(group, await history.valuesAsOf(first.type, ids, first.asOf));
      }
      return keys.map((key) => answers.get(groupOf(key))?.get(key.id) ?? []);
    },
    { cacheKeyFn: (key: MomentKey) => `${groupOf(key)} ${key.id}` },
  );
}

/** Loaders of one request; they must not outlive it, or one actor would read another’s rows. */
export function createLoaders(deps: {
  readonly registry: RegistryReadModel;
  readonly audit: AuditReadModel;
  readonly entityVersions: EntityVersionReadModel;
  readonly affectedDatasets: AffectedDatasetsReadModel;
  readonly operations: OperationReadModel;
  readonly decisions: DecisionReadModel;
  readonly governance: GovernanceReadModel;
  readonly lake: LakeReadModel;
  readonly retentionPolicies: RetentionPolicyReadModel;
  readonly topicRetentions: TopicRetentionReadModel;
  readonly webhooks: WebhookReadModel;
  readonly valueHistory: ValueHistoryReadModel;
  readonly accessPolicies: AccessPolicyReadModel;
  readonly kafkaCluster: ClusterReadModel;
  readonly streamActivity: StreamActivity;
  readonly streamLags: StreamLags;
  readonly datasetFields: DatasetFieldReadModel;
  readonly lineageCatalog: LineageCatalogReadModel;
  readonly datasetDescriptions: DatasetDescriptionReadModel;
  readonly vocabulary: VocabularyReadModel;
  readonly transformers: TransformerReadModel;
}) {
  const { registry, entityVersions, affectedDatasets, operations, decisions, lake, datasetFields } = deps;
  const {
    audit,
    datasetDescriptions,
    vocabulary,
    topicRetentions,
    kafkaCluster,
    streamActivity,
    streamLags,
    webhooks,
    transformers,
  } = deps;
  const placesOfPolicies = (state: PolicyState | null) =>
    pages((ids, request) => deps.retentionPolicies.placesOf(ids, request, state));
  return {
    entity: byId((ids) => registry.entitiesById(ids)),
    version: byId((ids) => registry.versionsById(ids)),
    field: byId((ids) => registry.fieldsById(ids)),
    dataset: byId((ids) => registry.datasetsById(ids)),
    datasetField: byId((ids) => datasetFields.byIds(ids)),
    lineageJob: byKey((ids) => deps.lineageCatalog.jobNames(ids), null),
    mapping: byId((ids) => registry.mappingsById(ids)),
    operation: byId((ids) => operations.operationsById(ids)),
    planOfOperation: byKey((ids) => operations.plansOf(ids), null),
    gapsOfOperation: byKey((ids) => operations.gapsOf(ids), []),
    transformer: byId((ids) => transformers.transformersById(ids)),
    transformerVersion: byId((ids) => transformers.versionsById(ids)),
    rejectsOfRun: byKey((runIds) => transformers.rejectsOfRuns(runIds), []),
    accessPolicyVersions: pages((ids, request) => deps.accessPolicies.versionsOf(ids, request)),
    versionsOfTransformer: pages((ids, request) => transformers.versionPages(ids, request)),
    runsOfTransformer: pages((ids, request) => transformers.runPages(ids, request)),
    aliases: byKey((ids) => registry.aliasesOf(ids), []),
    schema: byKey((ids: readonly number[]) => entityVersions.schemasById(ids), null),
    versionDiff: new DataLoader<DiffQuestion, VersionDiff | null, string>(
      (questions) => entityVersions.diffs(questions),
      {
        cacheKeyFn: ({ versionId, against }) => `${versionId}/${against}`,
      },
    ),
    affectedDatasets: new DataLoader(async (entityIds: readonly string[]) =>
      entityIds.map(await affectedDatasets.ofEntities(entityIds)),
    ),
    lakeTable: byKey((datasetIds) => lake.summaryOfDatasets(datasetIds), null),
    // A topic that the broker refuses has an error in its place, which is thrown for that one alone.
    topicPartitions: new DataLoader<string, readonly TopicPartition[]>(async (topics) => {
      const found = await kafkaCluster.partitionsOf(topics);
      return topics.map((topic) => found.get(topic) ?? []);
    }),
    topicSettings: new DataLoader<string, readonly TopicSetting[] | null>(async (topics) => {
      const found = await kafkaCluster.settingsOf(topics);
      return topics.map((topic) => found.get(topic) ?? null);
    }),
    retentionOfDataset: byKey((datasetIds) => topicRetentions.topicRetentionsOfDatasets(datasetIds), null),
    retentionPlan: new DataLoader((retentions: Parameters<TopicRetentionReadModel['plansOf']>[0]) =>
      topicRetentions.plansOf(retentions),
    ),
    streamStatus: byKey((ids) => streamActivity.statusOf(ids), null),
    streamLag: byKey((ids) => streamLags.of(ids), null),
    changesBehind: byKey((ids) => webhooks.changesBehind(ids), 0),
    auditSeal: byKey((eventIds) => audit.sealsByEvent(eventIds), null),
    heldPlaces: pages((ids, request) => deps.governance.heldPlaces(ids, request)),
    retentionPolicyPlaces: {
      ANY: placesOfPolicies(null),
      IN_FORCE: placesOfPolicies('IN_FORCE'),
      OVERRULED: placesOfPolicies('OVERRULED'),
      UNCOVERED: placesOfPolicies('UNCOVERED'),
    },
    effectiveRetention: byKey((datasetIds) => deps.retentionPolicies.effectiveRetentions(datasetIds), null),
    minimumPlaces: pages((ids, request) => deps.governance.minimumPlaces(ids, request)),
    certificate: byKey((ids) => operations.certificatesOf(ids), null),
    deferral: byKey((ids) => decisions.deferralsOf(ids), null),
    minimumRetentions: byKey((datasetIds) => decisions.minimumsOf(datasetIds), []),
    datasetDrop: byKey((datasetIds) => datasetFields.dropsOf(datasetIds), null),
    description: new DataLoader(
      (questions: readonly DescriptionQuestion[]) => datasetDescriptions.answersTo(questions),
      { cacheKeyFn: ({ datasetId, path, asOf }) => `${datasetId}\0${path}\0${asOf?.getTime() ?? ''}` },
    ),
    word: byId((ids) => vocabulary.wordsById(ids)),
    namedWord: new DataLoader(
      async (names: readonly WordName[]) => {
        const kinds = [...new Set(names.map(({ kind }) => kind))];
        const found = new Map(
          await Promise.all(
            kinds.map(async (kind) => {
              const of = names.filter((name) => name.kind === kind).map(({ name }) => name);
              return [kind, await vocabulary.wordsByName(kind, of)] as const;
            }),
          ),
        );
        return names.map(({ kind, name }) => found.get(kind)?.get(name) ?? null);
      },
      { cacheKeyFn: ({ kind, name }) => `${kind} ${name}` },
    ),
    datasetsOfWord: pages((ids, request) => vocabulary.datasetsOf(ids, request)),
    valueChanges: byType((type) => pages((ids, request) => deps.valueHistory.changesOf(type, ids, request))),
    valuesAsOf: valuesAsOf(deps.valueHistory),
    changesOfDescription: pages((ids, request) => datasetDescriptions.changesOf(ids, request)),
    fieldsOfDataset: pages((ids, request) => datasetFields.fieldsOf(ids, request)),
    versionsOfEntity: pages((ids, request) => registry.versionsOf(ids, request)),
    fieldsOfVersion: pages((ids, request) => registry.fieldsOf(ids, request)),
    schemaPlacesOfVersion: pages((ids, request) => entityVersions.schemaPlacesOf(ids, request)),
    mappingsOfEntity: pages((ids, request) => registry.mappingsOf('entity_id', ids, request)),
    mappingsOfDataset: pages((ids, request) => registry.mappingsOf('dataset_id', ids, request)),
    versionsOfRetentionPolicy: pages((ids, request) => deps.retentionPolicies.versionsOf(ids, request)),
    versionsOfRetention: pages((ids, request) => topicRetentions.versionsOf(ids, request)),
    targetsOfOperation: pages((ids, request) => operations.targetsOf(ids, request)),
    subjectsOfOperation: pages((ids, request) => operations.subjectsOf(ids, request)),
  };
}

export type Loaders = ReturnType<typeof createLoaders>;
