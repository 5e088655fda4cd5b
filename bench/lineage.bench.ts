import { Pool } from 'pg';
import { openDatabase } from '../src/adapters/postgres/orm.ts';
import { newId } from '../src/domain/id.ts';
import { benchApp, closing, type OnClose } from './bench-app.ts';
import { type Bench, type BenchCase, beside, measureInTurns } from './harness.ts';
import { batchOf } from './lineage-data.ts';
import { searchCases } from './lineage-search.ts';
import { labelCases, walkCases } from './lineage-walks.ts';

const batchEvents = 1_000;
const rounds = 3;

async function measured(onClose: OnClose) {
  const { app, databaseUrl } = await benchApp(onClose, { LINEWARD_ROLES: 'api' });
  const database = await openDatabase(databaseUrl);
  onClose(() => database.close());
  const pool = new Pool({ connectionString: databaseUrl });
  onClose(() => pool.end());
  const { em } = database;
  const isSearch = process.argv.includes('--search');
  if (isSearch) return await searchCases(app.urls.main, pool);
  const cases: BenchCase[] = await ingest(app.urls.main, pool);
  const isGrowth = process.argv.includes('--growth');
  for (const jobs of isGrowth ? [200, 1_000, 5_000, 20_000] : [20_000])
    cases.push(...(await walkCases(app.urls.main, pool, em, jobs)));
  for (const edges of isGrowth ? [100_000, 1_000_000] : [100_000]) cases.push(...(await labelCases(pool, em, edges)));
  return cases;
}

/** Batches of runs of 200 jobs, each with schemas and columns, beside a bare insert of the same texts into the same table. */
async function ingest(url: string, pool: Pool) {
  let round = 0;
  const insert = `insert into lineage_event (id, digest, kind, event_time, body)
    select id, digest, 'RUN', now(), body from json_to_recordset($1) as given (id text, digest text, body text)`;
  const rates = await measureInTurns(
    {
      batch: async () => {
        round += 1;
        const body = JSON.stringify(batchOf(round, batchEvents));
        const headers = { 'content-type': 'application/json' };
        const response = await fetch(`${url}/api/v1/lineage/batch`, { method: 'POST', headers, body });
        if (response.status !== 204) throw new Error(await response.text());
      },
      bulk: async () => {
        round += 1;
        const body = batchOf(round, batchEvents)
          .map((event) => JSON.stringify(event))
          .join('\n');
        const headers = { 'content-type': 'application/x-ndjson' };
        const address = `${url}/api/v1/lineage/bulk?results=failed`;
        const text = await (await fetch(address, { method: 'POST', headers, body })).text();
        if (!text.includes(`"successful":${batchEvents}`)) throw new Error(text);
      },
      raw: async () => {
        round += 1;
        const rows = batchOf(round, batchEvents).map((event) => ({
          id: newId(),
          digest: newId(),
          body: JSON.stringify(event),
        }));
        await pool.query(insert, [JSON.stringify(rows)]);
      },
    },
    rounds,
  );
  const raw = { name: 'bare INSERT of the same texts', value: rates.raw * batchEvents };
  return [
    beside('ingest in batches of 1,000', rates.batch * batchEvents, 'events/s', raw),
    beside('ingest as NDJSON, 1,000 a stream', rates.bulk * batchEvents, 'events/s', raw),
  ];
}

export const bench: Bench = {
  name: 'lineage',
  about:
    'ingest beside a bare insert, walks and labels beside the bare recursive SQL (--growth: of four and two sizes); --search: searches of 100,000 datasets instead',
  run: () => closing(measured),
};
