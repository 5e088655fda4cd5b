import type { PlaceName } from '../../domain/lineage/event-value.ts';
import type { ColumnStep } from '../../domain/lineage/graph.ts';
import type {
  CatalogDataset,
  CatalogHit,
  CatalogJob,
  CatalogNamespace,
  CatalogRun,
} from '../../services/lineage/lineage-catalog.read-model.ts';
import type { FieldGraph, NodeGraph } from '../../services/lineage/node-graph.read-model.ts';

/** Parts of Marquez's answers; what we do not know is null or empty, so that its clients find all that they read. */
const nodeId = {
  dataset: ({ namespace, name }: PlaceName): string => `dataset:${namespace}:${name}`,
  job: ({ namespace, name }: PlaceName): string => `job:${namespace}:${name}`,
  field: ({ namespace, name }: PlaceName, path: string): string => `datasetField:${namespace}:${name}:${path}`,
};

const idOf = ({ namespace, name }: PlaceName): PlaceName => ({ namespace, name });

export function namespaceShape({ name, createdAt, updatedAt }: CatalogNamespace) {
  return { name, createdAt, updatedAt, ownerName: 'unknown', description: null, isHidden: false };
}

export function datasetShape(dataset: CatalogDataset) {
  const { id, name, namespace, createdAt, updatedAt, isDropped, fields } = dataset;
  return {
    id: idOf(dataset),
    type: 'DB_TABLE',
    name,
    physicalName: name,
    createdAt,
    updatedAt,
    namespace,
    sourceName: namespace,
    fields: fields.map((field) => ({ ...field, description: null })),
    tags: [],
    lastModifiedAt: dataset.schemaAt,
    lastLifecycleState: isDropped ? 'DROP' : null,
    description: null,
    currentVersion: id,
    columnLineage: null,
    facets: {},
    deleted: isDropped,
  };
}

/** Former schemas are not kept beside the log of events: the only version is the newest. */
export function versionShape(dataset: CatalogDataset) {
  const { id, lastLifecycleState, currentVersion, ...shape } = datasetShape(dataset);
  return {
    ...shape,
    id: { ...id, version: currentVersion },
    version: currentVersion,
    createdAt: dataset.schemaAt ?? dataset.createdAt,
    lifecycleState: lastLifecycleState,
    createdByRun: null,
  };
}

export function runShape({ runId, job, startedAt, state, stateAt }: CatalogRun) {
  const endedAt = state === null || state === 'RUNNING' ? null : stateAt;
  return {
    id: runId,
    createdAt: startedAt,
    updatedAt: stateAt ?? startedAt,
    nominalStartTime: null,
    nominalEndTime: null,
    state: state ?? 'NEW',
    startedAt,
    endedAt,
    durationMs: endedAt === null ? null : endedAt.getTime() - startedAt.getTime(),
    args: {},
    jobVersion: null,
    inputDatasetVersions: [],
    outputDatasetVersions: [],
    facets: {},
    namespace: job.namespace,
    jobName: job.name,
  };
}

export function jobShape(job: CatalogJob) {
  const { id, name, namespace, createdAt, inputs, outputs } = job;
  const latestRuns = job.runs.map(runShape);
  return {
    id: idOf(job),
    type: 'BATCH',
    name,
    simpleName: name,
    parentJobName: null,
    parentJobUuid: null,
    createdAt,
    updatedAt: latestRuns[0]?.updatedAt ?? createdAt,
    namespace,
    inputs,
    outputs,
    location: null,
    description: null,
    latestRun: latestRuns[0] ?? null,
    latestRuns,
    facets: {},
    currentVersion: id,
    labels: [],
    tags: [],
  };
}

export function hitShape({ type, namespace, name, updatedAt }: CatalogHit) {
  const id = type === 'DATASET' ? nodeId.dataset({ namespace, name }) : nodeId.job({ namespace, name });
  return { name, updatedAt, type, namespace, nodeId: id };
}

interface ShapeEdge {
  readonly origin: string;
  readonly destination: string;
}

/** Edges by the node that they leave, and by the one that they come to. */
function byEnds(edges: readonly ShapeEdge[]) {
  const outgoing = Map.groupBy(edges, ({ origin }) => origin);
  const incoming = Map.groupBy(edges, ({ destination }) => destination);
  return (id: string) => ({ inEdges: incoming.get(id) ?? [], outEdges: outgoing.get(id) ?? [] });
}

type Cut = Pick<NodeGraph, 'complete' | 'truncatedReason'>;
const cutOf = ({ complete, truncatedReason }: Cut): Cut => ({ complete, truncatedReason });

/** Beside Marquez's `graph` it says whether that is all. */
export function graphShape(graph: NodeGraph, datasets: readonly CatalogDataset[], jobs: readonly CatalogJob[]) {
  const edges = graph.links.map(({ dataset, job, side }): ShapeEdge => {
    const [place, work] = [nodeId.dataset(dataset), nodeId.job(job)];
    return side === 'INPUT' ? { origin: place, destination: work } : { origin: work, destination: place };
  });
  const ends = byEnds(edges);
  const node = (id: string, type: string, data: object) => ({ id, type, data, ...ends(id) });
  return {
    graph: [
      ...datasets.map((dataset) => node(nodeId.dataset(dataset), 'DATASET', datasetShape(dataset))),
      ...jobs.map((job) => node(nodeId.job(job), 'JOB', jobShape(job))),
    ],
    ...cutOf(graph),
  };
}

export function fieldGraphShape(graph: FieldGraph) {
  const byNumber = new Map(graph.fields.map((field) => [field.number, field]));
  const idOfField = (number: number): string => {
    const field = byNumber.get(number);
    return field === undefined ? '' : nodeId.field(field, field.path);
  };
  const pairs = new Map(graph.steps.map(({ source, target }) => [`${source} ${target}`, { source, target }]));
  const ends = byEnds(
    [...pairs.values()].map((step) => ({ origin: idOfField(step.source), destination: idOfField(step.target) })),
  );
  const into = Map.groupBy(graph.steps, ({ target }) => target);
  return {
    graph: graph.fields.map((field) => {
      const id = nodeId.field(field, field.path);
      const steps = into.get(field.number) ?? [];
      const data = {
        namespace: field.namespace,
        dataset: field.name,
        datasetVersion: null,
        field: field.path,
        fieldType: field.type,
        ...transformationShape(steps),
        inputFields: [...new Set(steps.map(({ source }) => source))].flatMap((number) => {
          const source = byNumber.get(number);
          return source === undefined
            ? []
            : [{ namespace: source.namespace, dataset: source.name, field: source.path }];
        }),
      };
      return { id, type: 'DATASET_FIELD', data, ...ends(id) };
    }),
    ...cutOf(graph),
  };
}

function transformationShape(steps: readonly ColumnStep[]) {
  const subtypes = [...new Set(steps.map(({ subtype }) => subtype).filter((subtype) => subtype !== ''))];
  const isMasked = steps.length > 0 && steps.every(({ masking }) => masking);
  return {
    transformationDescription: subtypes.length === 0 ? null : subtypes.join(', '),
    transformationType: steps.length === 0 ? null : isMasked ? 'MASKED' : (subtypes[0] ?? 'IDENTITY'),
  };
}
