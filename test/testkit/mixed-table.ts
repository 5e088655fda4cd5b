import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { clicks, plainDuckdb } from './plain-table.ts';
import { ndjson, put, type TestRecord, writeAvro } from './record-files.ts';

const nullable = (type: string) => ({ type: ['null', type], default: null });
const schema = {
  type: 'record',
  name: 'Click',
  fields: [
    { name: 'id', type: 'long' },
    ...['account', 'person', 'day', 'note'].map((name) => ({ name, ...nullable('string') })),
  ],
};

/**
 * Ten clicks of each of four days, by day: a file of lines, one of compressed lines, one of Avro and one of Parquet, which has
 * the columns `parquetMore` (SQL) beside.
 */
export async function writeMixedClicks(directory: string, parquetMore?: string): Promise<void> {
  const records = (await plainDuckdb(
    clicks(40, 4).replace('i AS id', 'CAST(i AS INTEGER) AS id'),
  )) as readonly (TestRecord & { readonly day: string })[];
  const ofDay = (day: string) => records.filter((record) => record.day.startsWith(day));
  const folder = (day: string) => join(directory, day.replaceAll('-', '/'));
  await put(join(folder('2018-06-01'), 'part.ndjson'), ndjson(ofDay('2018-06-01')));
  await put(join(folder('2018-06-02'), 'part.json.gz'), gzipSync(ndjson(ofDay('2018-06-02'))));
  await writeAvro(join(folder('2018-06-03'), 'part.avro'), ofDay('2018-06-03'), { codec: 'deflate', schema });
  await mkdir(folder('2018-06-04'), { recursive: true });
  const columns = parquetMore === undefined ? '*' : `*, ${parquetMore}`;
  const parquet = `SELECT ${columns} FROM (${clicks(40, 4)}) WHERE day LIKE '2018-06-04%'`;
  await plainDuckdb(`COPY (${parquet}) TO '${join(folder('2018-06-04'), 'part.parquet')}' (FORMAT parquet)`);
}
