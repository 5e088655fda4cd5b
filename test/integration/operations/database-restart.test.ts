import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareQueueTables } from '../../../src/adapters/bullmq/connection.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/adapters/postgres/embedded-postgres.ts';
import { type Database, openDatabase } from '../../../src/adapters/postgres/orm.ts';
import { migrateAsOwner } from '../../../src/adapters/postgres/prepare-database.ts';
import { FakeExecutor } from '../../testkit/fake-executor.ts';
import { type OperationParts, operationParts } from '../../testkit/operation-parts.ts';
import { OperationsUser, type Seed, seedPlaces } from '../../testkit/operations.ts';

let directory: string;
let server: EmbeddedPostgres;
let database: Database;
let parts: OperationParts;
const executor = new FakeExecutor();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lineward-restart-'));
  server = await startEmbeddedPostgres(directory);
  await migrateAsOwner({ url: null, ownerUrl: server.url }, prepareQueueTables);
  database = await openDatabase(server.url);
  parts = await operationParts({ em: database.em, url: server.url, keyDir: directory, executors: [executor] });
  await parts.start();
});
afterAll(async () => {
  await parts?.stop();
  await database?.close();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Stops the server, with whatever runs on it, and starts it again at the same address. */
async function restart(): Promise<void> {
  await server.stop();
  await sleep(300);
  server = await startEmbeddedPostgres(directory, Number(new URL(server.url).port));
}

describe('a database that restarts under running operations', () => {
  it('delays them: the process lives on, and all complete', async () => {
    const user = new OperationsUser(parts);
    const seeds: Seed[] = [];
    for (let n = 0; n < 6; n += 1) {
      const seed = await seedPlaces(database, ['LAKE_TABLE', 'LAKE_TABLE'], { chained: true });
      for (const place of seed.places) executor.script(place, { during: () => sleep(100) });
      seeds.push(seed);
    }
    const requests = await Promise.all(seeds.map((seed) => user.request(seed)));
    for (const { id } of requests) await user.approve(id);
    await restart();
    const ends = await Promise.all(requests.map(({ id }) => user.ended(id)));
    expect(ends.map(({ status, statusReason }) => [status, statusReason])).toEqual(
      requests.map(() => ['COMPLETED', null]),
    );
    for (const { id } of requests) expect(await user.certificates(id)).toHaveLength(1);
  });
});
