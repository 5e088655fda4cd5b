import { digestOf } from '../canonical-json.ts';
import type { ColumnLink } from './column-facet.ts';
import type { Saying } from './description.ts';
import { keyOf, type PlaceName } from './event-value.ts';
import type { DatasetStatement, IoSide, LineageEvent, RunState } from './open-lineage.ts';

export interface DatasetFact {
  readonly dataset: PlaceName;
  /** True where nothing but a column speaks of it: a producer may have misspelt it, so it is no dataset of the catalog yet. */
  readonly isNamedOnly: boolean;
  readonly seenAt: string | null;
  readonly droppedAt: string | null;
  readonly schemaAt: string | null;
}

export interface FieldFact {
  readonly dataset: PlaceName;
  readonly path: string;
  readonly type: string | null;
  /** Time of the schema that names it; null where only a link does. */
  readonly namedAt: string | null;
}

export interface RunFact {
  readonly runId: string;
  readonly job: PlaceName;
  readonly startedAt: string;
  readonly state: RunState | null;
  readonly stateAt: string | null;
}

export interface IoFact extends Pick<RunFact, 'runId' | 'job'> {
  readonly side: IoSide;
  readonly dataset: PlaceName;
}

export interface ColumnFact {
  readonly job: PlaceName | null;
  readonly dataset: PlaceName;
  readonly at: string;
  readonly links: readonly ColumnLink[];
}

export interface SayingFact extends Saying {
  readonly dataset: PlaceName;
  readonly at: string;
}

/** What a batch of events comes to: each thing once, in one order for all writers, so that two of them wait but never for each other. */
export interface EventFacts {
  readonly datasets: readonly DatasetFact[];
  readonly jobs: readonly PlaceName[];
  readonly runs: readonly RunFact[];
  readonly io: readonly IoFact[];
  readonly symlinks: readonly (readonly [PlaceName, PlaceName])[];
  readonly fields: readonly FieldFact[];
  readonly columns: readonly ColumnFact[];
  readonly sayings: readonly SayingFact[];
}

export interface KnownEvent extends LineageEvent {
  readonly digest: string;
}

/** Facts of any number of events; the same whatever their order. */
export function factsOf(events: readonly KnownEvent[]): EventFacts {
  const gathering = new Gathering();
  for (const event of events) gathering.add(event);
  return gathering.facts();
}

type Times = Partial<Pick<DatasetFact, 'seenAt' | 'droppedAt' | 'schemaAt'>>;

class Gathering {
  readonly #datasets = new Map<string, DatasetFact>();
  readonly #jobs = new Map<string, PlaceName>();
  readonly #runs = new Map<string, RunFact>();
  readonly #io = new Map<string, IoFact>();
  readonly #symlinks = new Map<string, readonly [PlaceName, PlaceName]>();
  readonly #fields = new Map<string, FieldFact>();
  readonly #columns: ColumnFact[] = [];
  readonly #sayings = new Map<string, SayingFact>();

  add({ at, runId, runState, job, datasets, digest }: KnownEvent): void {
    const run = job === null ? null : { runId: runId ?? digest, job };
    if (run !== null) {
      this.#jobs.set(keyOf(run.job), run.job);
      const key = `${run.runId}\0${keyOf(run.job)}`;
      const known = this.#runs.get(key);
      const said = { state: runState, stateAt: runState === null ? null : at };
      const state = known === undefined || stateRank(said) > stateRank(known) ? said : known;
      this.#runs.set(key, {
        ...run,
        startedAt: earlier(at, known?.startedAt),
        state: state.state,
        stateAt: state.stateAt,
      });
    }
    for (const statement of datasets) {
      this.#addDataset(statement, at);
      const { dataset, side } = statement;
      if (run !== null && side !== null)
        this.#io.set(`${run.runId}\0${keyOf(run.job)}\0${side}\0${keyOf(dataset)}`, { ...run, side, dataset });
      if (statement.columns !== null) this.#addColumns({ job, dataset, at, links: statement.columns });
    }
  }

  facts(): EventFacts {
    return {
      datasets: sorted(this.#datasets),
      jobs: sorted(this.#jobs),
      runs: sorted(this.#runs),
      io: sorted(this.#io),
      symlinks: sorted(this.#symlinks),
      fields: sorted(this.#fields),
      columns: this.#columns,
      sayings: sorted(this.#sayings),
    };
  }

  #addDataset({ dataset, isDropped, symlinks, fields, sayings }: DatasetStatement, at: string): void {
    const times = { [isDropped ? 'droppedAt' : 'seenAt']: at, ...(fields === null ? {} : { schemaAt: at }) };
    this.#mention(dataset, false, times);
    for (const other of symlinks) {
      this.#mention(other, false);
      this.#symlinks.set(`${keyOf(dataset)}\0${keyOf(other)}`, [dataset, other]);
    }
    for (const { path, type } of fields ?? []) this.#addField({ dataset, path, type, namedAt: at });
    for (const saying of sayings) this.#addSaying({ dataset, at, ...saying });
  }

  #addColumns(fact: ColumnFact): void {
    this.#columns.push(fact);
    for (const { source, sourceField, targetField } of fact.links) {
      this.#mention(source, true);
      this.#addField({ dataset: source, path: sourceField, type: null, namedAt: null });
      this.#addField({ dataset: fact.dataset, path: targetField, type: null, namedAt: null });
    }
  }

  #mention(dataset: PlaceName, isNamedOnly: boolean, times: Times = {}): void {
    const key = keyOf(dataset);
    const known = this.#datasets.get(key);
    const newest = (name: keyof Times): string | null => later(times[name] ?? null, known?.[name] ?? null);
    this.#datasets.set(key, {
      dataset,
      isNamedOnly: isNamedOnly && (known?.isNamedOnly ?? true),
      seenAt: newest('seenAt'),
      droppedAt: newest('droppedAt'),
      schemaAt: newest('schemaAt'),
    });
  }

  #addSaying(saying: SayingFact): void {
    const key = `${keyOf(saying.dataset)}\0${saying.path}\0${saying.part}`;
    const known = this.#sayings.get(key);
    if (known === undefined || saidLater(saying, known)) this.#sayings.set(key, saying);
  }

  #addField(field: FieldFact): void {
    const key = `${keyOf(field.dataset)}\0${field.path}`;
    const known = this.#fields.get(key);
    if (known === undefined || isNewer(field, known)) this.#fields.set(key, field);
  }
}

/** Of two at the same time that with the greater digest counts, as in the database. */
function saidLater(one: SayingFact, other: SayingFact): boolean {
  return one.at === other.at ? digestOf(one.value) > digestOf(other.value) : one.at > other.at;
}

/** A run that is over stays so; else the newest word counts. */
function stateRank({ state, stateAt }: Pick<RunFact, 'state' | 'stateAt'>): string {
  return state === null ? '' : `${state === 'RUNNING' ? 1 : 2} ${stateAt} ${state}`;
}

/** Of two at the same time that with the greater type counts, as the database orders bytes: the same one in any order. */
function isNewer(one: FieldFact, other: FieldFact): boolean {
  const [at, known] = [one.namedAt ?? '', other.namedAt ?? ''];
  if (at !== known) return at > known;
  return Buffer.compare(Buffer.from(one.type ?? ''), Buffer.from(other.type ?? '')) > 0;
}

const earlier = (one: string, other = one): string => (one < other ? one : other);
const later = (one: string | null, other: string | null): string | null => ((one ?? '') > (other ?? '') ? one : other);

function sorted<T>(facts: ReadonlyMap<string, T>): readonly T[] {
  return [...facts].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, fact]) => fact);
}
