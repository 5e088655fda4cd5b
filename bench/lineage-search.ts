import type { Pool } from 'pg';
import { type BenchCase, beside } from './harness.ts';
import { timesOf } from './lineage-walks.ts';

const datasets = 100_000;
/** Marked entries brought up to date at a time, as the first search after an import does. */
const refreshed = 1_000;

const names = [
  'orders',
  'customers',
  'payments',
  'sessions',
  'deliveries',
  'refunds',
  'carts',
  'prices',
  'visits',
  'mails',
];
const words = `(array['${names.join("', '")}'])`;

/** Names, columns and descriptions that words of ten kinds share, so that a word finds a tenth of all and a number one. */
async function seedCatalog(pool: Pool): Promise<number> {
  const name = `${words}[1 + n % ${names.length}] || '_' || n`;
  await pool.query(`insert into dataset (id, namespace, name, created_at)
    select 'search-' || n, 'bench://shelf-' || n % 40, ${name}, now() from generate_series(1, ${datasets}) n`);
  await pool.query(`insert into dataset_description (dataset_id, path, part, said_by, value, digest, said_at)
    select 'search-' || n, '', part, 'events', value, '', now() from generate_series(1, ${datasets}) n, lateral (values
      ('documentation', to_jsonb('Every ' || ${words}[1 + n % ${names.length}] || ' of region ' || n % 97)),
      ('tags', jsonb_build_array('tier-' || n % 3)), ('owners', jsonb_build_array('team:' || n % 50))) told (part, value)`);
  await pool.query(`insert into dataset_field (id, dataset_id, path)
    select 'search-' || n || path, 'search-' || n, path from generate_series(1, ${datasets}) n, lateral (values
      ('id'), (case n % 10 when 0 then 'email' else 'note' end), ('amount_' || n % 1000)) told (path)`);
  const start = performance.now();
  for (let taken = 1; taken > 0; ) {
    const { rows } = await pool.query<{ taken: number }>(
      'select search_refresh_stale((select max(id) from search_stale), $1) as taken',
      [refreshed],
    );
    taken = rows[0]?.taken ?? 0;
  }
  const seconds = (performance.now() - start) / 1_000;
  await pool.query('analyze');
  return datasets / seconds;
}

const questions = {
  'one name': 'payments_41232',
  'a name with a slip': 'paymnets_41232',
  'a word of a tenth': 'refunds',
  'two words of the text': 'visits region 41',
  'an owner': 'team:17',
  'a column of a tenth': 'email',
  everything: '',
} as const;

/** Searches of a catalog of 100,000 datasets over HTTP, with facets, beside what the full text index alone takes in SQL. */
export async function searchCases(url: string, pool: Pool): Promise<BenchCase[]> {
  const rate = await seedCatalog(pool);
  const ask = async (query: string): Promise<void> => {
    const body = JSON.stringify({
      query: `query ($query: String!) { search(query: $query, first: 20) { totalCount nodes { score }
        facets { namespaces: namespace { value count } tags: tag { value count } } } }`,
      variables: { query },
    });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/graphql`, { method: 'POST', headers, body });
    const text = await answer.text();
    if (!answer.ok || text.includes('"errors"')) throw new Error(text);
  };
  const cases: BenchCase[] = [
    {
      case: 'datasets with 3 columns each made findable',
      value: rate,
      unit: 'datasets/s',
      reference: null,
      ratio: null,
    },
  ];
  for (const [about, query] of Object.entries(questions)) {
    const { ours, raw } = await timesOf({
      ours: () => ask(query),
      raw: () =>
        pool.query(
          `select id from search_entry where $1 = '' or document @@ plainto_tsquery('simple', $1)
           order by id limit 10000`,
          [query],
        ),
    });
    const text = `search of 100,000 datasets, ${about}: p50 ${ours.p50.toFixed(1)}, p95 ${ours.p95.toFixed(1)} ms`;
    const reference = { name: 'SQL by the full text index, ids only, unranked', value: 1_000 / raw.p50 };
    cases.push(beside(text, 1_000 / ours.p50, 'a second', reference));
  }
  return cases;
}
