import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DatasetField } from '../../../src/domain/lineage/graph.ts';
import { ColumnLineageReadModel } from '../../../src/services/lineage/column-lineage.read-model.ts';
import { DatasetFieldReadModel } from '../../../src/services/lineage/dataset-field.read-model.ts';
import { FieldLabelService } from '../../../src/services/lineage/field-label.service.ts';
import { LabelReadModel } from '../../../src/services/lineage/label.read-model.ts';
import { LineageReadModel } from '../../../src/services/lineage/lineage.read-model.ts';
import { LineageGraphs } from '../../../src/services/lineage/lineage-graphs.ts';
import { SemanticTypeReadModel } from '../../../src/services/privacy/semantic-type.read-model.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { type AnyEvent, forgetLineage, take } from '../../testkit/lineage.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.close());

interface Link {
  readonly source: number;
  readonly kind: 'DIRECT' | 'INDIRECT';
  readonly masking: boolean;
}
/** A run of a job says how the only field of its output is made. */
interface Said {
  readonly job: number;
  readonly hour: number;
  readonly target: number;
  readonly links: readonly Link[];
}
type Edge = Link & { readonly target: number };

const size = 7;
const node = fc.nat({ max: size - 1 });
const link: fc.Arbitrary<Link> = fc.record({
  source: node,
  kind: fc.constantFrom('DIRECT', 'DIRECT', 'DIRECT', 'INDIRECT'),
  masking: fc.constantFrom(false, false, false, true),
});
const said: fc.Arbitrary<Said> = fc.record({
  job: fc.nat({ max: 2 }),
  hour: fc.nat({ max: 5 }),
  target: node,
  links: fc.array(link, { maxLength: 3 }),
});

const name = (n: number) => ({ namespace: 'n', name: `d${n}` });
const hourOf = (hour: number): string => `2026-11-02T1${hour}:00:00Z`;
const eventOf = ({ job, hour, target, links }: Said, index: number): AnyEvent => ({
  eventTime: hourOf(hour),
  run: { runId: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}` },
  job: { namespace: 'n', name: `job${job}` },
  inputs: links.map(({ source }) => name(source)),
  outputs: [
    {
      ...name(target),
      facets: {
        columnLineage: {
          _deleted: links.length === 0,
          fields: {
            x: {
              inputFields: links.map(({ source, kind, masking }) => ({
                ...name(source),
                field: 'x',
                transformations: [{ type: kind, subtype: '', masking }],
              })),
            },
          },
        },
      },
    },
  ],
});
const everything = {
  eventTime: hourOf(0),
  run: { runId: '00000000-0000-4000-8000-00000000ffff' },
  job: { namespace: 'n', name: 'seed' },
};
/** All datasets with their field, so that each can be asked about. */
const seed: AnyEvent = {
  ...everything,
  outputs: Array.from({ length: size }, (_, n) => ({ ...name(n), facets: { schema: { fields: [{ name: 'x' }] } } })),
};

/** Edges at an hour (null: now), from all that was said and nothing else: each job's newest word about each dataset. */
function edgesAt(all: readonly Said[], hour: number | null): readonly Edge[] {
  const until = all.filter((one) => hour === null || one.hour <= hour);
  return until
    .filter((one) =>
      until.every((other) => other.job !== one.job || other.target !== one.target || other.hour <= one.hour),
    )
    .flatMap(({ target, links }) => links.map((edge) => ({ ...edge, target })));
}

/** Depths by trying all edges again and again until nothing changes. */
function depthsFrom(start: number, edges: readonly (readonly [number, number])[]): Record<number, number> {
  const depths: Record<number, number> = { [start]: 0 };
  for (let round = 0; round <= size; round += 1)
    for (const [from, to] of edges) {
      const depth = (depths[from] ?? Number.POSITIVE_INFINITY) + 1;
      if (depth < (depths[to] ?? Number.POSITIVE_INFINITY)) depths[to] = depth;
    }
  return depths;
}
const direct = (edges: readonly Edge[]) =>
  edges
    .filter(({ kind, masking }) => kind === 'DIRECT' && !masking)
    .map(({ source, target }) => [source, target] as const);
const numberIn = (text: string): number => Number(text.slice(1));

test('walks and labels are what a naive walk over all that was said finds, now and at any moment, also after more was said', async () => {
  const { em } = database;
  const datasetFields = new DatasetFieldReadModel({ em });
  const semanticTypes = new SemanticTypeReadModel({ em });
  const graphs = new LineageGraphs({ em });
  const columns = new ColumnLineageReadModel({ em, graphs, datasetFields });
  const labels = new LabelReadModel({ em, graphs, datasetFields, semanticTypes });
  const labelling = new FieldLabelService({ em, datasetFields, semanticTypes });
  const lineage = new LineageReadModel({ em, graphs });
  const limits = { maxDepth: 50, maxNodes: 1_000 };
  const actor = { id: 'tester', kind: 'local', roles: [], requestId: 'r' } as const;

  const compare = async (all: readonly Said[], hour: number | null, origins: readonly number[]): Promise<void> => {
    const asOf = hour === null ? undefined : new Date(hourOf(hour));
    const rows = await em.fork().execute<{ id: string; name: string }[]>('select id, name from dataset');
    const idOf = new Map(rows.map((row) => [numberIn(row.name), row.id]));
    const nameOf = new Map(rows.map((row) => [row.id, numberIn(row.name)]));
    const edges = edgesAt(all, hour);
    const start = origins[0] ?? 0;
    const startId = idOf.get(start) ?? '';
    const walked = await columns.walk({
      ...limits,
      datasetId: startId,
      path: 'x',
      direction: 'DOWNSTREAM',
      withIndirect: true,
      asOf,
    });
    const depths = Object.fromEntries(walked.nodes.map(({ field, depth }) => [nameOf.get(field.datasetId), depth]));
    expect(depths).toEqual(
      depthsFrom(
        start,
        edges.map(({ source, target }) => [source, target]),
      ),
    );
    const upstream = await columns.walk({
      ...limits,
      datasetId: startId,
      path: 'x',
      direction: 'UPSTREAM',
      withIndirect: false,
      asOf,
    });
    const kept = edges.filter(({ kind }) => kind === 'DIRECT').map(({ source, target }) => [target, source] as const);
    expect(Object.fromEntries(upstream.nodes.map(({ field, depth }) => [nameOf.get(field.datasetId), depth]))).toEqual(
      depthsFrom(start, kept),
    );

    const ran = all.filter((one) => hour === null || one.hour <= hour);
    const datasets = await lineage.walk({ ...limits, startDatasetId: startId, direction: 'DOWNSTREAM', asOf });
    const steps = ran.flatMap(({ target, links }) => links.map(({ source }) => [source, target] as const));
    expect(Object.fromEntries(datasets.nodes.map(({ datasetId, depth }) => [nameOf.get(datasetId), depth]))).toEqual(
      depthsFrom(start, steps),
    );

    const spread = await labels.spread({ classification: 'PII', asOf });
    const placed = await spread.placed({ limit: 10_000, offset: 0 });
    const found = placed.map(({ origin, field, depth }) => {
      const place = (one: DatasetField) => nameOf.get(one.datasetId);
      return `${place(origin)}>${place(field)} ${depth}`;
    });
    expect(placed).toHaveLength(spread.labels.length);
    const expected = origins.flatMap((origin) =>
      Object.entries(depthsFrom(origin, direct(edges))).map(([to, depth]) => `${origin}>${to} ${depth}`),
    );
    expect(found.sort()).toEqual(expected.sort());
    expect(spread.complete).toBe(true);
  };

  await fc.assert(
    fc.asyncProperty(
      fc.array(said, { minLength: 1, maxLength: 14 }),
      fc.array(said, { maxLength: 4 }),
      fc.uniqueArray(node, { minLength: 1, maxLength: 3 }),
      fc.nat({ max: 5 }),
      async (first, more, origins, hour) => {
        await forgetLineage(em);
        await take(em, [seed, ...first.map(eventOf)]);
        const rows = await em.fork().execute<{ id: string; name: string }[]>('select id, name from dataset');
        for (const { id, name: text } of rows)
          if (origins.includes(numberIn(text)))
            await labelling.labelField(actor, { datasetId: id, path: 'x', semanticType: 'email', classifications: [] });
        await compare(first, null, origins);
        await take(
          em,
          more.map((one, index) => eventOf(one, first.length + index)),
        );
        await compare([...first, ...more], null, origins);
        await compare([...first, ...more], hour, origins);
      },
    ),
    { numRuns: 15 },
  );
});

test('limits are told, with what lies behind', async () => {
  await forgetLineage(database.em);
  // Statistics that say "empty" are the worst that a large batch can be planned by.
  await database.em.fork().execute('vacuum analyze');
  const chain = Array.from({ length: 60 }, (_, n) =>
    eventOf({ job: n, hour: 0, target: n + 1, links: [{ source: n, kind: 'DIRECT', masking: false }] }, n),
  );
  // A fan of 10,000, and a ring.
  const fan = {
    ...eventOf({ job: 99, hour: 0, target: 0, links: [] }, 99),
    inputs: [name(1)],
    outputs: Array.from({ length: 10_000 }, (_, n) => ({ namespace: 'n', name: `d${1_000 + n}` })),
  };
  const ring = eventOf({ job: 98, hour: 0, target: 0, links: [{ source: 60, kind: 'DIRECT', masking: false }] }, 98);
  await take(database.em, [...chain, fan, ring]);
  const datasetFields = new DatasetFieldReadModel(database);
  const graphs = new LineageGraphs(database);
  const lineage = new LineageReadModel({ em: database.em, graphs });
  const columns = new ColumnLineageReadModel({ em: database.em, graphs, datasetFields });
  const [start] = await database.em.fork().execute<{ id: string }[]>("select id from dataset where name = 'd2'");
  const limits = {
    startDatasetId: start?.id ?? '',
    datasetId: start?.id ?? '',
    path: 'x',
    withIndirect: true,
    direction: 'DOWNSTREAM',
  } as const;
  expect(await lineage.walk({ ...limits, maxDepth: 50, maxNodes: 10_000 })).toMatchObject({
    complete: false,
    truncatedReason: 'MAX_DEPTH',
    frontier: { length: 1 },
  });
  expect(await columns.walk({ ...limits, maxDepth: 50, maxNodes: 10_000 })).toMatchObject({
    complete: false,
    truncatedReason: 'MAX_DEPTH',
    frontier: { length: 1 },
  });
  expect(await columns.walk({ ...limits, maxDepth: 50, maxNodes: 10 })).toMatchObject({
    complete: false,
    truncatedReason: 'MAX_NODES',
    nodes: { length: 10 },
  });
  const [hub] = await database.em.fork().execute<{ id: string }[]>("select id from dataset where name = 'd1'");
  expect(
    await lineage.walk({ ...limits, startDatasetId: hub?.id ?? '', maxDepth: 50, maxNodes: 10_000 }),
  ).toMatchObject({ complete: false, truncatedReason: 'MAX_NODES', nodes: { length: 10_000 } });
  // Labels have no depth: round the ring and back.
  const labels = new LabelReadModel({
    em: database.em,
    graphs,
    datasetFields,
    semanticTypes: new SemanticTypeReadModel(database),
  });
  const labelling = new FieldLabelService({
    em: database.em,
    datasetFields,
    semanticTypes: new SemanticTypeReadModel(database),
  });
  await labelling.labelField(
    { id: 'tester', kind: 'local', roles: [], requestId: 'r' },
    { datasetId: hub?.id ?? '', path: 'x', classifications: ['PII'] },
  );
  expect((await labels.spread({})).labels).toHaveLength(61);
});
