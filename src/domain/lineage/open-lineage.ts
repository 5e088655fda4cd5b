import { LinewardError } from '../../errors/lineward-error.ts';
import { type ColumnLink, readColumnLinks } from './column-facet.ts';
import { readSayings, type Saying } from './description.ts';
import { readEventTime } from './event-time.ts';
import { canKeep, isObject, listOf, type PlaceName, readNames } from './event-value.ts';

export type IoSide = 'INPUT' | 'OUTPUT';

export interface SchemaField {
  readonly path: string;
  readonly type: string | null;
}

/** What one event says about one dataset. */
export interface DatasetStatement {
  readonly dataset: PlaceName;
  /** Null where an event is about the dataset alone, or only mentions it. */
  readonly side: IoSide | null;
  readonly isDropped: boolean;
  /** Further names of the same data. */
  readonly symlinks: readonly PlaceName[];
  /** Null where it says nothing of the schema. */
  readonly fields: readonly SchemaField[] | null;
  /** Null where it says nothing of the columns; empty where it takes back what was said. */
  readonly columns: readonly ColumnLink[] | null;
  /** Documentation, owners and tags. */
  readonly sayings: readonly Saying[];
}

export type RunState = 'RUNNING' | 'COMPLETED' | 'ABORTED' | 'FAILED';
const runStates: Readonly<Record<string, RunState>> = {
  START: 'RUNNING',
  RUNNING: 'RUNNING',
  COMPLETE: 'COMPLETED',
  ABORT: 'ABORTED',
  FAIL: 'FAILED',
};

/** What an OpenLineage event means for the graph. */
export interface LineageEvent {
  readonly kind: 'RUN' | 'JOB' | 'DATASET';
  readonly at: string;
  readonly runId: string | null;
  /** Null where the event does not tell. */
  readonly runState: RunState | null;
  readonly job: PlaceName | null;
  readonly datasets: readonly DatasetStatement[];
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Most pairs of an input and an output that one event may make. */
export const pairsMax = 100_000;
const nestingMax = 64;

/**
 * Reads an event of any version of OpenLineage. What names run, job and datasets must be there; a facet that is not in its form
 * says nothing, and is kept all the same.
 * @throws LinewardError EVENT_INVALID with the place, never the value.
 */
export function readLineageEvent(value: unknown): LineageEvent {
  if (!isObject(value)) throw new LinewardError('EVENT_INVALID', 'an event is an object');
  const at = typeof value.eventTime === 'string' ? readEventTime(value.eventTime) : null;
  if (at === null)
    throw new LinewardError('EVENT_INVALID', 'eventTime: must be a date and a time, e.g. 2026-01-31T12:00:00Z', {
      path: ['eventTime'],
    });
  if (value.run == null && value.job == null)
    return { kind: 'DATASET', at, runId: null, runState: null, job: null, ...soleDataset(value) };
  const runId = value.run == null ? null : readRunId(value.run);
  const job = readNames(value.job, ['job']);
  const inputs = listOf(value.inputs, ['inputs']).flatMap((item, index) =>
    statements(item, 'INPUT', ['inputs', index]),
  );
  const outputs = listOf(value.outputs, ['outputs']).flatMap((item, index) =>
    statements(item, 'OUTPUT', ['outputs', index]),
  );
  if (inputs.length * outputs.length > pairsMax)
    throw new LinewardError('EVENT_INVALID', `outputs: inputs times outputs are at most ${pairsMax}`, {
      path: ['outputs'],
    });
  const runState = typeof value.eventType === 'string' ? (runStates[value.eventType.toUpperCase()] ?? null) : null;
  return { kind: runId === null ? 'JOB' : 'RUN', at, runId, runState, job, datasets: [...inputs, ...outputs] };
}

function soleDataset(value: Readonly<Record<string, unknown>>): Pick<LineageEvent, 'datasets'> {
  if (value.dataset == null)
    throw new LinewardError('EVENT_INVALID', 'job: an event is about a run of a job, a job or a dataset', {
      path: ['job'],
    });
  return { datasets: statements(value.dataset, null, ['dataset']) };
}

function readRunId(run: unknown): string {
  const runId = isObject(run) ? run.runId : null;
  if (typeof runId === 'string' && uuid.test(runId)) return runId.toLowerCase();
  throw new LinewardError('EVENT_INVALID', 'run.runId: must be a UUID', { path: ['run', 'runId'] });
}

function statements(value: unknown, side: IoSide | null, path: readonly (string | number)[]): DatasetStatement[] {
  const dataset = readNames(value, path);
  const facets = isObject(value) && isObject(value.facets) ? value.facets : {};
  const change = isObject(facets.lifecycleStateChange) ? facets.lifecycleStateChange : {};
  const state = typeof change.lifecycleStateChange === 'string' ? change.lifecycleStateChange.toUpperCase() : '';
  const before = state === 'RENAME' ? namedIn([change.previousIdentifier]) : [];
  const links =
    isObject(facets.symlinks) && Array.isArray(facets.symlinks.identifiers) ? facets.symlinks.identifiers : [];
  const symlinks = [...namedIn(links), ...before].filter(
    ({ namespace, name }) => namespace !== dataset.namespace || name !== dataset.name,
  );
  const own = {
    dataset,
    side,
    isDropped: state === 'DROP',
    symlinks,
    fields: readSchema(facets.schema),
    columns: side === 'INPUT' ? null : readColumnLinks(facets.columnLineage),
    sayings: readSayings(facets),
  };
  // Under its former name the data is there no longer.
  const gone = { side: null, isDropped: true, symlinks: [], fields: null, columns: null, sayings: [] };
  return [own, ...before.map((former) => ({ dataset: former, ...gone }))];
}

/** Names in a facet; what names nothing is passed over. */
function namedIn(values: readonly unknown[]): PlaceName[] {
  return values.flatMap((value) => {
    try {
      return [readNames(value, [])];
    } catch {
      return [];
    }
  });
}

function readSchema(facet: unknown): readonly SchemaField[] | null {
  if (!isObject(facet)) return null;
  if (facet._deleted === true) return [];
  return Array.isArray(facet.fields) ? fieldsIn(facet.fields, '', 0) : null;
}

function fieldsIn(values: readonly unknown[], prefix: string, depth: number): readonly SchemaField[] {
  if (depth > nestingMax) return [];
  return values.flatMap((value) => {
    if (!isObject(value) || typeof value.name !== 'string' || value.name === '') return [];
    const path = `${prefix}${value.name}`;
    if (!canKeep.field(path)) return [];
    const type = typeof value.type === 'string' && canKeep.text(value.type) ? value.type : null;
    const inside = Array.isArray(value.fields) ? fieldsIn(value.fields, `${path}.`, depth + 1) : [];
    return [{ path, type }, ...inside];
  });
}
