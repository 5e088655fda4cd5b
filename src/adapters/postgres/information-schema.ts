import { Client } from 'pg';
import type { CatalogLineInput } from '../../domain/lineage/catalog-line.ts';
import { LinewardError } from '../../errors/lineward-error.ts';

interface ColumnRow {
  readonly catalog: string;
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly comment: string | null;
  readonly tableComment: string | null;
}

interface UsageRow {
  readonly catalog: string;
  readonly schema: string;
  readonly view: string;
  readonly usedSchema: string;
  readonly usedTable: string;
}

/** Rows that are fetched at once; a warehouse has hundreds of thousands of columns. */
const fetchRows = 10_000;
// Redshift speaks this too; its system schemas begin with pg_ as well.
const ownSchemas = `table_schema <> 'information_schema' and table_schema not like 'pg\\_%'`;
const columns = `
  select table_catalog as catalog, table_schema as schema, table_name as table, column_name as column, data_type as type,
    col_description(class.oid, ordinal_position::int) as comment, obj_description(class.oid, 'pg_class') as "tableComment"
  from information_schema.columns
  join pg_namespace on nspname = table_schema
  join pg_class class on class.relnamespace = pg_namespace.oid and class.relname = table_name
  where ${ownSchemas}
  order by table_schema, table_name, ordinal_position`;
const usages = `
  select view_catalog as catalog, view_schema as schema, view_name as view, table_schema as "usedSchema", table_name as "usedTable"
  from information_schema.view_table_usage
  where view_schema <> 'information_schema' and view_schema not like 'pg\\_%'
  order by view_schema, view_name, table_schema, table_name`;

/**
 * Tables and views of a database that speaks the protocol of PostgreSQL, as lines of an import: fields with types and comments,
 * and each view as a job that reads what it is made of. Datasets are named `database.schema.table`. Nothing is written there.
 * @throws LinewardError BAD_INPUT when it cannot be reached or read; never with the password of the URL.
 */
export async function* informationSchemaLines(url: string, namespace: string): AsyncGenerator<CatalogLineInput> {
  const client = new Client({ connectionString: url, application_name: 'lineward-import' });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('begin transaction read only isolation level repeatable read');
    yield* tables(rowsOf<ColumnRow>(client, columns), namespace);
    yield* views(rowsOf<UsageRow>(client, usages), namespace);
    await client.query('commit');
  } catch (cause) {
    if (cause instanceof LinewardError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
    throw new LinewardError(
      'BAD_INPUT',
      `the database cannot be read${code}; check its URL, and what its user may see`,
      {
        cause,
      },
    );
  } finally {
    await client.end().catch(() => {});
  }
}

async function* rowsOf<Row extends object>(client: Client, query: string): AsyncGenerator<Row> {
  await client.query(`declare listed no scroll cursor for ${query}`);
  for (;;) {
    const { rows } = await client.query<Row>(`fetch ${fetchRows} from listed`);
    yield* rows;
    if (rows.length < fetchRows) break;
  }
  await client.query('close listed');
}

async function* tables(rows: AsyncIterable<ColumnRow>, namespace: string): AsyncGenerator<CatalogLineInput> {
  for await (const group of runsOf(rows, ({ schema, table }) => JSON.stringify([schema, table]))) {
    const [{ catalog, schema, table, tableComment }] = group;
    yield {
      dataset: { namespace, name: `${catalog}.${schema}.${table}` },
      fields: group.map(({ column, type, comment }) => ({ name: column, type, documentation: comment })),
      documentation: tableComment,
    };
  }
}

async function* views(rows: AsyncIterable<UsageRow>, namespace: string): AsyncGenerator<CatalogLineInput> {
  for await (const group of runsOf(rows, ({ schema, view }) => JSON.stringify([schema, view]))) {
    const [{ catalog, schema, view }] = group;
    const name = `${catalog}.${schema}.${view}`;
    yield {
      job: { namespace, name },
      inputs: group.map(({ usedSchema, usedTable }) => ({ namespace, name: `${catalog}.${usedSchema}.${usedTable}` })),
      outputs: [{ namespace, name }],
    };
  }
}

/** Rows that follow each other and have the same key. */
async function* runsOf<Row>(rows: AsyncIterable<Row>, keyOf: (row: Row) => string): AsyncGenerator<[Row, ...Row[]]> {
  let run: [Row, ...Row[]] | null = null;
  for await (const row of rows) {
    if (run !== null && keyOf(run[0]) === keyOf(row)) run.push(row);
    else {
      if (run !== null) yield run;
      run = [row];
    }
  }
  if (run !== null) yield run;
}
