import { hash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { reading, writeFailure } from './duckdb-failure.ts';
import { type FileLayout, type FileSchema, readLayout, readSchema } from './parquet-facts.ts';
import { type SchemaDifference, schemaDifferences } from './parquet-schema.ts';
import { parquetFiles, sqlBlob, sqlName, sqlText } from './sql-text.ts';

/** DuckDB's unit of row groups. */
const vectorRows = 2048;

/** DuckDB gives up a dictionary that has more entries than this part of the rows. */
const usualShare = 5;

/**
 * Entries at which a dictionary is given up: the sooner, the less is spent on columns of which the source has none. Rows of two
 * row groups may come together in one of the copy. Powers of two, so that files of one make have equal options.
 */
const dictionaryLimit = ({ dictionaryEntries }: FileLayout): number | null =>
  dictionaryEntries === null ? null : 2 ** Math.ceil(Math.log2(2 * Math.max(1, dictionaryEntries)));

/** The options of COPY that write a file's like. */
export function copyOptions(layout: FileLayout): string {
  const options = ['FORMAT parquet', `COMPRESSION ${sqlText(layout.codec)}`];
  if (layout.rowGroupRows > 0) {
    const rows = Math.ceil(layout.rowGroupRows / vectorRows) * vectorRows;
    options.push(`ROW_GROUP_SIZE ${rows}`);
    const limit = dictionaryLimit(layout);
    if (limit !== null && limit < rows / usualShare) options.push(`DICTIONARY_SIZE_LIMIT ${limit}`);
  }
  if (layout.keyValues.length > 0) {
    const entries = layout.keyValues.map(({ key, value }) => `${sqlName(keyText(key))}: ${sqlBlob(value)}`);
    options.push(`KV_METADATA {${entries.join(', ')}}`);
  }
  return options.join(', ');
}

/** Tells a place that cannot be written from a source that cannot be read, which COPY reports alike. */
export async function expectWritable(staged: string): Promise<void> {
  try {
    await mkdir(dirname(staged), { recursive: true });
    await writeFile(staged, '');
    await rm(staged);
  } catch (error) {
    throw writeFailure(error, staged);
  }
}

/**
 * Copies no rows at all and compares the two files' footers: what differs now would differ after the rewrite, and is
 * found before the work is done. LAKE_TABLE_REFUSED lists it.
 */
export async function refuseLossyCopy(
  connection: DuckDBConnection,
  schema: FileSchema,
  layout: FileLayout,
  probe: string,
): Promise<void> {
  const keys = new Set(layout.keyValues.map(({ key }) => keyText(key).toLowerCase()));
  if (keys.size < layout.keyValues.length) throw lossyCopy(schema.path, [metadataDifference]);
  try {
    await reading(schema.path, () =>
      connection.run(
        `COPY (SELECT * FROM ${parquetFiles([schema.path])} LIMIT 0) TO ${sqlText(probe)} (${copyOptions(layout)})`,
      ),
    );
    const copy = await readSchema(connection, probe);
    const differences = schemaDifferences(schema.nodes, copy.nodes);
    const kept = await readLayout(connection, probe);
    if (metadataText(kept) !== metadataText(layout)) differences.push(metadataDifference);
    if (differences.length > 0) throw lossyCopy(schema.path, differences);
  } finally {
    await rm(probe, { force: true });
  }
}

/** Makes of files that a child remembers; of a table there are a few. */
const makesMax = 1_000;

/** {@link refuseLossyCopy}, tried once for all files of one make: schema, codec, row groups and metadata are all that it goes by. */
export class LossyCopyGate {
  readonly #faithful = new Set<string>();

  async refuse(connection: DuckDBConnection, schema: FileSchema, layout: FileLayout, probe: string): Promise<void> {
    const make = hash('sha256', JSON.stringify([schema.nodes, copyOptions(layout), metadataText(layout)]), 'base64');
    if (this.#faithful.has(make)) return;
    await refuseLossyCopy(connection, schema, layout, probe);
    if (this.#faithful.size >= makesMax) this.#faithful.clear();
    this.#faithful.add(make);
  }
}

const metadataDifference: SchemaDifference = {
  column: '',
  what: 'key-value metadata',
  from: 'as written',
  to: 'changed or lost',
};

function lossyCopy(path: string, differences: readonly SchemaDifference[]): LinewardError {
  const told = differences.slice(0, 5).map(({ column, what, from, to }) => `${column} ${what} ${from} → ${to}`.trim());
  const more = differences.length > told.length ? `, and ${differences.length - told.length} more` : '';
  const reason = `a rewrite would change ${told.join(', ')}${more}`;
  return new LinewardError('LAKE_TABLE_REFUSED', `The lake file ${path} cannot be rewritten in place: ${reason}.`, {
    details: { path, reason, differences },
  });
}

/** A key of the key-value metadata as text. */
export const keyText = (key: Uint8Array): string => Buffer.from(key).toString('utf8');

const metadataText = (layout: FileLayout): string =>
  layout.keyValues
    .map(({ key, value }) => `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`)
    .sort()
    .join('\n');
