import type { EntityManager } from '@mikro-orm/postgresql';
import type { Unfolded } from '../../src/services/lineage/graph-writes.ts';
import { LineageGraphs } from '../../src/services/lineage/lineage-graphs.ts';
import { LineageIngestService } from '../../src/services/lineage/lineage-ingest.service.ts';
import { PlaceLabels } from '../../src/services/lineage/place-labels.ts';

// biome-ignore lint/suspicious/noExplicitAny: events have many shapes, wrong ones too
export type AnyEvent = any;

const producer = 'https://shop.example/etl';
const columnFacet = 'https://openlineage.io/spec/facets/1-0-1/ColumnLineageDatasetFacet.json';
const namespace = 'shop';
const runIdOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

interface Table {
  readonly name: string;
  readonly fields?: readonly string[];
  /** `target: ['table.field']`. */
  readonly columns?: Readonly<Record<string, readonly string[]>>;
}

/** A dataset of an event with its facets. */
export function tableOf({ name, fields, columns }: Table, space = namespace): AnyEvent {
  const inputOf = (text: string) => {
    const dot = text.lastIndexOf('.');
    return { namespace: space, name: text.slice(0, dot), field: text.slice(dot + 1) };
  };
  return {
    namespace: space,
    name,
    facets: {
      ...(fields && {
        schema: { _producer: producer, fields: fields.map((field) => ({ name: field, type: 'TEXT' })) },
      }),
      ...(columns && {
        columnLineage: {
          _producer: producer,
          _schemaURL: columnFacet,
          fields: Object.fromEntries(
            Object.entries(columns).map(([field, inputs]) => [field, { inputFields: inputs.map(inputOf) }]),
          ),
        },
      }),
    },
  };
}

/** START with all inputs and outputs, COMPLETE with none of them, as Airflow and others send it. */
export function runOf(
  number: number,
  job: string,
  inputs: readonly AnyEvent[],
  outputs: readonly AnyEvent[],
  hour = '22:00',
): AnyEvent[] {
  const event = (eventType: string, eventTime: string, io: object) => ({
    eventType,
    eventTime,
    run: { runId: runIdOf(number), facets: { nominalTime: { nominalStartTime: '2026-11-02T22:00:00.000Z' } } },
    job: { namespace, name: job, facets: { sql: { query: `INSERT INTO ${job}` } } },
    ...io,
    producer,
    schemaURL: 'https://openlineage.io/spec/1-0-5/OpenLineage.json#/definitions/RunEvent',
  });
  return [
    event('START', `2026-11-02T${hour}:00Z`, { inputs, outputs }),
    event('COMPLETE', `2026-11-02T${hour}:07Z`, { inputs: [], outputs: [] }),
  ];
}

const named = (...names: string[]): AnyEvent[] => names.map((name) => ({ namespace, name }));
const loaded: readonly Table[] = [
  { name: 'menu', fields: ['id', 'shop_id'] },
  { name: 'kind', fields: ['id', 'menu_id'] },
  { name: 'item', fields: ['id', 'price', 'kind_id'] },
  { name: 'sale', fields: ['id', 'at', 'item_id', 'note'] },
  { name: 'client', fields: ['id', 'name', 'email', 'street'] },
  { name: 'state', fields: ['id', 'at', 'sale_id', 'rider_id'] },
  { name: 'rider', fields: ['id', 'email', 'phone'] },
  { name: 'branch', fields: ['id', 'street', 'email'] },
];
const week: Table = {
  name: 'sale_week',
  fields: ['sale_id', 'at', 'item_id', 'kind_id'],
  columns: { sale_id: ['sale.id'], at: ['sale.at'], item_id: ['item.id', 'sale.item_id'], kind_id: ['kind.id'] },
};
const trip: Table = {
  name: 'trip_week',
  fields: ['sale_id', 'at', 'client_email', 'client_street', 'branch_street', 'item_id', 'city_id'],
  columns: {
    sale_id: ['sale_week.sale_id', 'state.sale_id'],
    at: ['sale_week.at'],
    client_email: ['client.email'],
    client_street: ['client.street'],
    branch_street: ['branch.street'],
    // Nothing has a column of that name, and there is no such table: real producers send both.
    item_id: ['branch.item_id', 'item_kind.item_id'],
  },
};
const fast: Table = {
  name: 'fast_trip',
  fields: ['sale_id', 'client_email', 'seconds'],
  columns: { sale_id: ['trip_week.sale_id'], client_email: ['trip_week.client_email'], seconds: ['trip_week.at'] },
};
const voucher: Table = {
  name: 'voucher',
  fields: ['off', 'client_email'],
  columns: { off: ['trip_week.at'], client_email: ['trip_week.client_email'] },
};
const popular: Table = { name: 'popular_day', fields: ['day'], columns: { day: ['fast_trip.seconds'] } };

/** 26 events of 13 jobs over 13 tables: eight loads, two joins, what is made of them, and a job that only reads. */
export function shopEvents(): AnyEvent[] {
  return [
    ...loaded.flatMap((table, index) => runOf(index, `load_${table.name}`, [], [tableOf(table)])),
    ...runOf(10, 'make_sale_week', named('menu', 'item', 'sale', 'kind'), [tableOf(week)]),
    ...runOf(11, 'make_trip_week', named('sale_week', 'client', 'state', 'rider', 'branch'), [tableOf(trip)]),
    ...runOf(12, 'time_trips', named('trip_week'), [tableOf(fast), tableOf(voucher)]),
    ...runOf(13, 'find_popular_day', named('fast_trip', 'client'), [tableOf(popular)]),
    ...runOf(14, 'mail_vouchers', named('voucher', 'client'), []),
  ];
}

/** Takes events; fails when one is refused. */
export async function take(em: EntityManager, events: readonly AnyEvent[], unfolded?: Unfolded): Promise<void> {
  const ingest = new LineageIngestService({ em, ...(unfolded && { unfolded }) });
  const refused = await ingest.take(events.map((value) => ({ value, text: JSON.stringify(value) })));
  if (refused[0] !== undefined) throw refused[0].error;
}

const field = (alias: string): string =>
  `(select namespace || ' ' || name || ' ' || path from dataset_field f join dataset d on d.id = f.dataset_id where f.id = ${alias})`;
const dataset = (alias: string): string => `(select namespace || ' ' || name from dataset where id = ${alias})`;
const job = (alias: string): string =>
  `coalesce((select namespace || ' ' || name from lineage_job where id = ${alias}), ${alias})`;

/** All that is derived of events, by names, in one order. */
const graphParts = {
  datasets: `select namespace, name, named_only from dataset`,
  jobs: `select namespace, name from lineage_job`,
  edges: `select ${dataset('source_dataset_id')} as source, ${dataset('target_dataset_id')} as target, job_namespace, job,
    valid_from::text, valid_to::text from lineage_edge`,
  io: `select ${job('job_id')} as job, side, ${dataset('dataset_id')} as dataset, valid_from::text from lineage_job_io`,
  states: `select ${dataset('dataset_id')} as dataset, seen_at::text, dropped_at::text, schema_at::text from dataset_state`,
  symlinks: `select ${dataset('dataset_id')} as one, ${dataset('other_id')} as other from dataset_symlink`,
  fields: `select ${field('dataset_field.id')} as field, type, named_at::text from dataset_field`,
  columns: `select ${field('source_field_id')} as source, ${field('target_field_id')} as target, ${job('stated_by')} as job,
    kind, subtype, masking, valid_from::text, valid_to::text from column_edge`,
  runs: `select run_id, ${job('job_id')} as job, started_at::text, state, state_at::text from lineage_run`,
};

export async function graphOf(em: EntityManager): Promise<Record<keyof typeof graphParts, unknown[]>> {
  const parts: [string, unknown[]][] = [];
  for (const [name, sql] of Object.entries(graphParts)) {
    const rows = await em
      .fork()
      .execute<{ row: string }[]>(`select to_json(part) #>> '{}' as row from (${sql}) part order by 1`);
    parts.push([name, rows.map(({ row }) => row)]);
  }
  return Object.fromEntries(parts) as Record<keyof typeof graphParts, unknown[]>;
}

/** As if no event had ever come. */
export async function forgetLineage(em: EntityManager): Promise<void> {
  await em.fork().execute('truncate dataset, lineage_event, lineage_job cascade');
}

/** Labels of places over a graph of their own. */
export const placeLabelsOf = (em: EntityManager): PlaceLabels =>
  new PlaceLabels({ em, graphs: new LineageGraphs({ em }) });
