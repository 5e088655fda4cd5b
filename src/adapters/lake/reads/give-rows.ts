import type { DuckDBConnection } from '@duckdb/node-api';
import { formatOf } from '../../../domain/lake/file-format.ts';
import type { GiveRows, RowsRequest } from '../../../services/lake-reads/ports.ts';
import { avroFormat } from '../avro/avro-format.ts';
import { reading } from '../duckdb/duckdb-failure.ts';
import { expectFile } from '../duckdb/parquet-facts.ts';
import { ndjsonFormat } from '../ndjson/ndjson-format.ts';
import { avroForms } from './avro-forms.ts';
import { giveRecords } from './give-records.ts';
import { rowsSql } from './rows-sql.ts';

/** About how many characters cross to the service at a time. */
const charsPerBatch = 256 * 1024;

/** Reads the rows of a file and gives them away, some at a time. */
export async function giveRows(connection: DuckDBConnection, request: RowsRequest, give: GiveRows): Promise<null> {
  const batch = new RowBatch(give);
  const format = formatOf(request.path);
  await reading(request.path, () => expectFile(request.path));
  if (format === 'PARQUET') await giveParquet(connection, request, batch);
  else if (format === 'NDJSON') await giveRecords(ndjsonFormat, request, batch);
  else await giveRecords(avroFormat, request, batch, await avroForms(request.path));
  await batch.flush();
  return null;
}

async function giveParquet(connection: DuckDBConnection, request: RowsRequest, batch: RowBatch): Promise<void> {
  const read = <T>(work: () => Promise<T>): Promise<T> => reading(request.path, work);
  const sql = await read(() => rowsSql(connection, request));
  if (sql === null) return;
  const stream = await read(() => connection.stream(sql));
  for (;;) {
    const chunk = await read(() => stream.fetchChunk());
    if (chunk === null || chunk.rowCount === 0) return;
    for (const [row] of chunk.getRows()) await batch.add(String(row));
  }
}

/** Rows that go together. */
class RowBatch {
  readonly #give: GiveRows;
  #rows: string[] = [];
  #chars = 0;

  constructor(give: GiveRows) {
    this.#give = give;
  }

  async add(row: string): Promise<void> {
    const whole = inJson(row);
    this.#rows.push(whole);
    this.#chars += whole.length;
    if (this.#chars >= charsPerBatch) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#rows.length === 0) return;
    const rows = this.#rows;
    [this.#rows, this.#chars] = [[], 0];
    await this.#give(rows);
  }
}

const notInJson = /NaN|Infinity/u;
const textOrNumber = /"(?:[^"\\]|\\.)*"|-?NaN|-?Infinity/gu;

/** DuckDB writes numbers within nested values that JSON does not have: they become texts. */
function inJson(row: string): string {
  if (!notInJson.test(row)) return row;
  return row.replaceAll(textOrNumber, (part) => (part.startsWith('"') ? part : `"${part}"`));
}
