import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { CatalogLineInput } from './catalog-line.ts';

const column = z.object({
  name: z.string(),
  description: z.string().nullish(),
  data_type: z.string().nullish(),
  tags: z.array(z.string()).nullish(),
});
const node = z.object({
  resource_type: z.string(),
  database: z.string().nullish(),
  schema: z.string().nullish(),
  name: z.string(),
  alias: z.string().nullish(),
  identifier: z.string().nullish(),
  description: z.string().nullish(),
  columns: z.record(z.string(), column).nullish(),
  tags: z.array(z.string()).nullish(),
  meta: z.record(z.string(), z.unknown()).nullish(),
  group: z.string().nullish(),
  config: z.object({ materialized: z.string().nullish() }).nullish(),
  depends_on: z.object({ nodes: z.array(z.string()).nullish() }).nullish(),
});
const manifestShape = z.object({
  metadata: z.object({ dbt_schema_version: z.string() }),
  nodes: z.record(z.string(), node),
  sources: z.record(z.string(), node),
  groups: z
    .record(
      z.string(),
      z.object({ name: z.string(), owner: z.object({ name: z.string().nullish(), email: z.string().nullish() }) }),
    )
    .nullish(),
});
const catalogShape = z.object({
  nodes: z.record(
    z.string(),
    z.object({ columns: z.record(z.string(), z.object({ name: z.string(), type: z.string(), index: z.number() })) }),
  ),
  sources: z.record(
    z.string(),
    z.object({ columns: z.record(z.string(), z.object({ name: z.string(), type: z.string(), index: z.number() })) }),
  ),
});
type Manifest = z.output<typeof manifestShape>;
type Node = z.output<typeof node>;
type Catalog = z.output<typeof catalogShape>;

/** What dbt runs into a table or view. */
const jobTypes: readonly string[] = ['model', 'snapshot'];
const datasetTypes: readonly string[] = [...jobTypes, 'seed', 'source'];

export interface DbtNames {
  /** Of the datasets, as OpenLineage names the warehouse, e.g. `postgres://warehouse:5432`. */
  readonly namespace: string;
  /** Of the jobs, e.g. `dbt`. */
  readonly jobNamespace: string;
}

/**
 * A project of dbt as lines of an import: models, seeds, snapshots and sources as datasets named `database.schema.table`, and
 * the models and snapshots as jobs. `manifest.json` has what people wrote and what depends on what; `catalog.json`, where it is
 * given, the columns and types that the warehouse has. An ephemeral model is no table: what reads it reads what it reads.
 * @throws LinewardError BAD_INPUT for what is no manifest or no catalog of dbt, with the place.
 */
export function* dbtLines(manifestJson: unknown, catalogJson: unknown, names: DbtNames): Generator<CatalogLineInput> {
  const manifest = shaped(manifestShape, manifestJson, 'manifest');
  const catalog = catalogJson === null ? null : shaped(catalogShape, catalogJson, 'catalog');
  const all = new Map([...Object.entries(manifest.sources), ...Object.entries(manifest.nodes)]);
  for (const [id, one] of all)
    if (isDataset(one))
      yield datasetLine(one, { place: placeOf(one, names), manifest, columns: columnsOf(id, one, catalog) });
  for (const [id, one] of all) {
    if (!isDataset(one) || !jobTypes.includes(one.resource_type)) continue;
    const inputs = inputsOf(one, all).map((input) => placeOf(input, names));
    yield { job: { namespace: names.jobNamespace, name: id }, inputs, outputs: [placeOf(one, names)] };
  }
}

function isDataset({ resource_type, config }: Node): boolean {
  return datasetTypes.includes(resource_type) && config?.materialized !== 'ephemeral';
}

function placeOf({ database, schema, alias, identifier, name }: Node, { namespace }: DbtNames) {
  const table = alias ?? identifier ?? name;
  return { namespace, name: [database, schema, table].filter((part) => part != null && part !== '').join('.') };
}

/** What a node reads, through ephemeral models. */
function inputsOf(one: Node, all: ReadonlyMap<string, Node>): readonly Node[] {
  const [found, met] = [new Set<Node>(), new Set<string>()];
  const open = [...(one.depends_on?.nodes ?? [])];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const input = all.get(id);
    if (input === undefined || met.has(id)) continue;
    met.add(id);
    if (isDataset(input)) found.add(input);
    else open.push(...(input.depends_on?.nodes ?? []));
  }
  return [...found];
}

interface Column {
  readonly name: string;
  readonly type: string | null;
  readonly documentation: string | null;
  readonly tags: readonly string[];
}

/** The columns of the warehouse with what people wrote of them; its names may be in other letters than theirs. */
function columnsOf(id: string, { columns }: Node, catalog: Catalog | null): readonly Column[] {
  const written = new Map(Object.values(columns ?? {}).map((one) => [one.name.toLowerCase(), one]));
  const physical = catalog?.nodes[id] ?? catalog?.sources[id];
  const listed =
    physical === undefined
      ? [...written.values()].map(({ name, data_type }) => ({ name, type: data_type ?? null }))
      : Object.values(physical.columns).sort((one, other) => one.index - other.index);
  return listed.map(({ name, type }) => {
    const said = written.get(name.toLowerCase());
    return { name, type, documentation: said?.description || null, tags: said?.tags ?? [] };
  });
}

function datasetLine(
  { description, tags, meta, group }: Node,
  {
    place,
    manifest,
    columns,
  }: {
    readonly place: { readonly namespace: string; readonly name: string };
    readonly manifest: Manifest;
    readonly columns: readonly Column[];
  },
): CatalogLineInput {
  const { owner, ...more } = meta ?? {};
  const ofGroup = Object.values(manifest.groups ?? {}).find(({ name }) => name === group)?.owner;
  const owners = [owner, ofGroup?.name ?? ofGroup?.email].filter((one) => typeof one === 'string' && one !== '');
  return {
    dataset: place,
    ...(columns.length === 0
      ? {}
      : { fields: columns.map(({ tags: words, ...column }) => ({ ...column, tags: [...words] })) }),
    documentation: description || null,
    owners: owners as string[],
    tags: [...(tags ?? [])],
    properties: Object.fromEntries(Object.entries(more).flatMap(([name, value]) => propertyOf(name, value))),
  };
}

function propertyOf(name: string, value: unknown): (readonly [string, string])[] {
  if (value === null || value === undefined) return [];
  return [[name, typeof value === 'string' ? value : JSON.stringify(value)]];
}

function shaped<Shape>(shape: z.ZodType<Shape>, value: unknown, what: 'manifest' | 'catalog'): Shape {
  const read = shape.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const path = [what, ...(issue?.path ?? []).map(String)];
  throw new LinewardError('BAD_INPUT', `${path.join('.')}: ${issue?.message}; is it a ${what}.json of dbt?`, { path });
}
