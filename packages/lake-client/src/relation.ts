import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type { LakeReadColumn, LakeReadGrant } from './grant.ts';
import { LakeReadError } from './lake-read-error.ts';

/** What is needed of a connection of `@duckdb/node-api`. */
export interface DuckdbConnection {
  run(sql: string): Promise<unknown>;
}

const sqlName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const sqlText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

export interface FilesRelation {
  readonly grant: LakeReadGrant;
  readonly limit: number | undefined;
  /** Fails where files cannot be read. */
  readonly isForced: boolean;
}

/** A view of the files, which DuckDB reads when it is asked; false when they cannot be read from here as they are. */
export async function relationOfFiles(
  connection: DuckdbConnection,
  name: string,
  { grant, limit, isForced }: FilesRelation,
): Promise<boolean> {
  const places = isForced || grant.access === 'FILES' ? await placesOf(grant, isForced) : null;
  if (places === null) {
    if (!isForced) return false;
    throw new LakeReadError(
      'FORBIDDEN',
      'The files of this read cannot be read from here; take the rows of the service.',
    );
  }
  const columns = grant.columns.map((column) => sqlName(column.name)).join(', ');
  const files = `read_parquet([${places.map(sqlText).join(', ')}], union_by_name = true, hive_partitioning = false)`;
  const rows = limit === undefined ? '' : ` LIMIT ${limit}`;
  const view = `CREATE OR REPLACE TEMP VIEW ${sqlName(name)} AS SELECT ${columns} FROM ${files}${daysSql(grant)}${rows}`;
  try {
    await connection.run(view);
  } catch (error) {
    // A column that none of the files has yet: the service knows its type.
    if (isForced) throw error;
    return false;
  }
  return true;
}

/** Where DuckDB finds the files; null unless all are Parquet, and there. Objects are taken only when files are asked for. */
async function placesOf({ files }: LakeReadGrant, isForced: boolean): Promise<readonly string[] | null> {
  if (files.length === 0) return null;
  const places: string[] = [];
  for (const { format, location, version } of files) {
    if (format !== 'PARQUET' || location === null) return null;
    if (!location.startsWith('file:')) {
      if (!isForced) return null;
      places.push(location);
      continue;
    }
    const path = fileURLToPath(location);
    const found = await stat(path, { bigint: true }).catch(() => null);
    if (found === null) return null;
    if (`${found.ino}:${found.mtimeNs}` !== version)
      throw new LakeReadError('LAKE_FILE_CHANGED', 'A file of the table was replaced since the read was opened.', {
        retryable: true,
      });
    places.push(path);
  }
  return places;
}

/** Days as the service takes them: by the instant that a text of ISO 8601 is, in UTC unless it names another zone. */
function daysSql({ dateField, from, to }: LakeReadGrant): string {
  if (dateField === null || (from === null && to === null)) return '';
  const instant = instantSql(sqlName(dateField));
  const conditions = [
    ...(from === null ? [] : [`${instant} >= TIMESTAMPTZ ${sqlText(`${from} 00:00:00+00`)}`]),
    ...(to === null ? [] : [`${instant} < TIMESTAMPTZ ${sqlText(`${to} 00:00:00+00`)}`]),
  ];
  return ` WHERE ${conditions.join(' AND ')}`;
}

/** DuckDB wants seconds, nothing before the offset, and a colon in it; without an offset it takes the zone of the session. */
function instantSql(column: string): string {
  const text = `upper(CAST(${column} AS VARCHAR))`;
  const timed = `regexp_replace(${text}, '^(.{16})(\\s?(Z|[+-].*)?)$', '\\1:00\\2')`;
  const joined = `regexp_replace(${timed}, '\\s(Z|[+-].*)$', '\\1')`;
  const spelled = `regexp_replace(${joined}, '([+-]\\d{2})(\\d{2})$', '\\1:\\2')`;
  const zoned = `CASE WHEN length(${text}) = 10 THEN ${text} || ' 00:00:00+00'
    WHEN regexp_matches(${spelled}, '(Z|[+-]\\d{2}(:\\d{2})?)$') THEN ${spelled} ELSE ${spelled} || '+00' END`;
  return `TRY_CAST(${zoned} AS TIMESTAMPTZ)`;
}

/** A temporary table of rows, by a file that is gone afterwards. */
export async function relationOfRows(
  connection: DuckdbConnection,
  name: string,
  { columns, lines }: { readonly columns: readonly LakeReadColumn[]; readonly lines: AsyncIterable<readonly string[]> },
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'lake-client-'));
  try {
    const path = join(directory, 'rows.ndjson');
    await pipeline(Readable.from(textOf(lines)), createWriteStream(path, { mode: 0o600 }));
    const values = columns.map((column, index) => `${valueSql(column, index)} AS ${sqlName(column.name)}`).join(', ');
    const rows = `read_ndjson_objects([${sqlText(path)}], compression = 'uncompressed', maximum_object_size = 268435456)`;
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${sqlName(name)} AS SELECT ${values} FROM ${rows}`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function* textOf(lines: AsyncIterable<readonly string[]>): AsyncGenerator<string> {
  for await (const some of lines) yield `${some.join('\n')}\n`;
}

function valueSql({ type, form, masked }: LakeReadColumn, index: number): string {
  if (masked && form !== 'TEXT') return `CAST(NULL AS ${type})`;
  const value = `json->>${index}`;
  if (form === 'JSON') return `CASE WHEN json_type(json->${index}) = 'NULL' THEN NULL ELSE json->${index} END`;
  if (form === 'BYTES') return `from_base64(${value})`;
  return form === 'TEXT' ? `CAST(${value} AS VARCHAR)` : `CAST(${value} AS ${type === 'DECIMAL' ? 'VARCHAR' : type})`;
}
