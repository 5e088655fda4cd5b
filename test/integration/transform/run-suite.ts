import { afterAll, beforeAll } from 'vitest';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import type { Row } from '../../testkit/transform.ts';
import { type RunParts, type RunWraps, ran, runParts, runRoot, topicOf } from '../../testkit/transform-runs.ts';

type RunMode = Parameters<RunParts['runs']['request']>[2];

/** A database, a lake and whatever parts of runs the tests of a file open; closed behind them. */
export function runSuite() {
  let db: TestDatabase;
  let place: Awaited<ReturnType<typeof runRoot>>;
  const opened: RunParts[] = [];
  beforeAll(async () => {
    db = await testDatabase();
    place = await runRoot();
  });
  afterAll(async () => {
    await Promise.all(opened.map((parts) => parts.close()));
    await db?.close();
    await place?.remove();
  });
  return {
    get em() {
      return db.em;
    },
    get url() {
      return db.url;
    },
    get root() {
      return place.root;
    },
    /** Parts whose topic holds the rows. */
    async partsOf(rows: readonly Row[] = [], wraps: Partial<RunWraps> = {}): Promise<RunParts> {
      const parts = await runParts(db.em, place.root, { kafka: topicOf(rows), ...wraps });
      opened.push(parts);
      return parts;
    },
    async requested(parts: RunParts, transformerId: string, mode: RunMode = 'INCREMENTAL'): Promise<string> {
      return (await parts.runs.request(tester, transformerId, mode)).id;
    },
    /** Fails a run as its task would. */
    async failed(parts: RunParts, runId: string): Promise<LinewardError> {
      const fault = await ran(db.em, parts, runId).then(
        () => null,
        (error: unknown) => error,
      );
      if (!(fault instanceof LinewardError)) throw new TypeError('the run did not fail');
      await parts.runner.fail(runId, fault);
      return fault;
    },
  };
}
