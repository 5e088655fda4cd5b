import { createHash } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { protectionMark } from '../../../src/domain/privacy/plan-mark.ts';
import { ContentMarks } from '../../../src/services/lake/content-marks.ts';
import { plainDuckdb } from '../../testkit/plain-table.ts';
import { rowsOfFile } from '../../testkit/transform.ts';
import {
  mappedTopic,
  type RunDocument,
  type RunParts,
  ran,
  topicSource,
  transformerOf,
} from '../../testkit/transform-runs.ts';
import { message } from './messages.ts';
import { runSuite } from './run-suite.ts';

const suite = runSuite();
const { partsOf, requested } = suite;
const completed = async (parts: RunParts, transformerId: string) =>
  ran(suite.em, parts, await requested(parts, transformerId));

const step = { semanticType: 'phonenumber', action: 'TOKENIZE' };
const mark = JSON.stringify({ to: { to: step }, country: { country: step } });
const merge = { combine: [{ name: 'segments', with: 'max' }] };
const local = (path: string): string => join(suite.root, 'lake', path);

/** As a protection leaves a file. */
async function protect(path: string): Promise<void> {
  if (path.endsWith('.ndjson')) {
    const sha256 = createHash('sha256').update(await readFile(local(path)));
    return new ContentMarks(suite.em).put(sha256.digest('hex'), { [protectionMark]: mark });
  }
  const made = `${suite.root}/protected`;
  await plainDuckdb(`COPY (SELECT * FROM read_parquet('${local(path)}')) TO '${made}'
    (FORMAT parquet, KV_METADATA {'${protectionMark}': '${mark}'})`);
  await rename(made, local(path));
}

/** A table of the messages with these numbers, a day each, and its files by day. */
async function tableOf(numbers: readonly number[], format: string) {
  const { name } = await mappedTopic(suite.em, ['country', 'name']);
  const rows = numbers.map((n) => ({ ...message(n, 1), date_created: `2018-06-0${n}T10:00:00Z`, country: `C${n}` }));
  const parts = await partsOf(rows);
  const resource = { format, ...(format === 'ndjson' ? { codec: 'none' } : {}) };
  const made = await transformerOf(parts, name, { merge, resource });
  const { outputs } = await completed(parts, made.transformerId);
  return { name, location: made.location, files: (outputs?.files ?? []).map(({ path }) => path).sort() };
}

/** Makes a table, and answers the numbers of its rows by what their files say is protected. */
async function marksIn(parts: RunParts, name: string, document: RunDocument) {
  const made = await transformerOf(parts, name, { ...document, as: `${name}-copy`, merge });
  const run = await completed(parts, made.transformerId);
  const found: Record<string, unknown[]> = {};
  for (const { path } of run.outputs?.files ?? []) {
    const [row] = await plainDuckdb(
      `SELECT decode(value) AS mark FROM parquet_kv_metadata('${local(path)}') WHERE decode(key) = '${protectionMark}'`,
    );
    const said = (row as { mark: string } | undefined)?.mark ?? 'none';
    const ids = (await rowsOfFile(local(path), 'parquet')).map(({ message_id: id }) => id);
    found[said] = [...(found[said] ?? []), ...ids].sort();
  }
  return { run, found };
}

describe('what a table says is protected', () => {
  it.each(['parquet', 'ndjson'])(
    'goes along with the columns that a source gives as they are, file by file: %s',
    async (format) => {
      const { name, location, files } = await tableOf([1, 2, 3], format);
      await protect(files[0] ?? '');
      await protect(files[2] ?? '');
      const transforms = [
        { type: 'drop', fields: ['name'] },
        { type: 'rename', fields: { to: 'name' } },
        { type: 'derive', fields: { country: 'concat(country, "!")' } },
      ];
      const { run, found } = await marksIn(await partsOf(), name, {
        sources: [{ table: location, transforms }],
        // All in one folder, where rows of two marks never share a file.
        resource: { indexing: undefined },
      });
      expect(run).toMatchObject({ status: 'COMPLETED', statistics: { keys: 3 } });
      const [m1, m2, m3] = [1, 2, 3].map((n) => message(n, 1).message_id);
      expect(found).toEqual({ [JSON.stringify({ name: { name: step } })]: [m1, m3], none: [m2] });
    },
  );

  it('goes along with what is looked up in it, and must be one for all of it', async () => {
    const { name, location, files } = await tableOf([1, 2], 'parquet');
    for (const file of files) await protect(file);
    const lookup = {
      type: 'lookup',
      table: location,
      on: { message_id: 'message_id' },
      fields: { name: 'to', country: 'date_updated' },
    };
    const source = (fields: object) => ({
      ...topicSource(name),
      transforms: [
        ...topicSource(name).transforms,
        { type: 'drop', fields: ['name', 'country'] },
        { ...lookup, fields },
      ],
    });
    const parts = await partsOf([message(1, 2), message(2, 2), message(9, 2)]);
    const { found } = await marksIn(parts, name, { sources: [source(lookup.fields)] });
    const ids = [1, 2, 9].map((n) => message(n, 1).message_id);
    expect(found).toEqual({ [JSON.stringify({ name: { name: step } })]: ids });

    const other = await tableOf([1, 2], 'parquet');
    await protect(other.files[0] ?? '');
    const mixed = {
      ...source(lookup.fields),
      transforms: [
        { type: 'drop', fields: ['name', 'country'] },
        { ...lookup, table: other.location },
      ],
    };
    const made = await transformerOf(parts, name, { sources: [mixed], as: `${name}-mixed`, merge });
    await expect(completed(parts, made.transformerId)).rejects.toMatchObject({
      code: 'TRANSFORMER_STATE',
      message: expect.stringContaining('ask for a protection of that table first'),
    });
  });
});
