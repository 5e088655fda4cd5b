import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { z } from 'zod';
import { informationSchemaLines } from '../adapters/postgres/information-schema.ts';
import { dbtLines } from '../domain/lineage/dbt-catalog.ts';
import { type DelimitedRow, delimitedColumns, delimitedLines } from '../domain/lineage/delimited-catalog.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { reach } from './reach.ts';

export interface CatalogImportArguments {
  /** What `from` is: a manifest of dbt, the URL of a database, a file. */
  readonly kind: string;
  readonly from: string;
  readonly source: string | undefined;
  readonly namespace: string | undefined;
  /** `catalog.json` of dbt. */
  readonly catalog: string | undefined;
  readonly partial: boolean;
  readonly dryRun: boolean;
  readonly url: string;
}

const answerLine = z.looseObject({
  line: z.number().nullish(),
  ok: z.boolean().optional(),
  change: z.string().optional(),
  reason: z.string().optional(),
  dataset: z.object({ namespace: z.string(), name: z.string() }).optional(),
  job: z.object({ namespace: z.string(), name: z.string() }).optional(),
  changes: z.array(z.object({ what: z.string(), before: z.unknown(), after: z.unknown() })).optional(),
  summary: z.record(z.string(), z.union([z.number(), z.boolean()])).optional(),
});
type Answer = z.output<typeof answerLine>;

type Lines = AsyncIterable<unknown> | Iterable<unknown>;

/** Most changes that are printed, and most of one dataset. */
const shownMax = 100;
const changesMax = 5;

/**
 * Brings what another catalog knows into a running service; with `dryRun` it only tells what would change.
 * @throws LinewardError BAD_INPUT for what cannot be read, and where lines were refused.
 */
export async function importCatalog(given: CatalogImportArguments): Promise<string> {
  const { lines, source } = linesOf(given);
  const query = new URLSearchParams({
    source: given.source ?? source,
    dryRun: String(given.dryRun),
    complete: String(!given.partial),
  });
  const body = new Texts(lines);
  try {
    return await sent(`${new URL(given.url).origin}/api/v1/catalog/import?${query}`, body, given.dryRun);
  } catch (error) {
    throw body.fault ?? error;
  }
}

async function sent(url: string, body: Texts, dryRun: boolean): Promise<string> {
  const response = await reach(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: Readable.toWeb(Readable.from(body)) as never,
    duplex: 'half',
  } as RequestInit);
  if (!response.ok || response.body === null)
    throw new LinewardError(
      'BAD_INPUT',
      `${url} answered ${response.status}: ${(await response.text()).slice(0, 500)}`,
    );
  return report(response.body, dryRun);
}

function linesOf({ kind, from, namespace, catalog }: CatalogImportArguments): {
  lines: AsyncIterable<unknown> | Iterable<unknown>;
  source: string;
} {
  if (kind === 'dbt') return { lines: dbtProject(from, catalog, needed(namespace)), source: 'dbt' };
  if (kind === 'postgres') {
    const { host, pathname } = databaseOf(from);
    return {
      lines: informationSchemaLines(from, namespace ?? `postgres://${host}`),
      source: `postgres:${host}${pathname}`,
    };
  }
  if (kind === 'csv') return { lines: delimitedLines(rowsOf(from)), source: 'csv' };
  if (kind === 'ndjson')
    return {
      lines: createInterface({ input: createReadStream(from), crlfDelay: Number.POSITIVE_INFINITY }),
      source: 'ndjson',
    };
  throw new LinewardError('BAD_INPUT', `${kind}: catalogs are imported from dbt, postgres, csv and ndjson`);
}

async function* dbtProject(manifest: string, catalog: string | undefined, namespace: string): AsyncGenerator<unknown> {
  const read = async (file: string): Promise<unknown> => {
    try {
      return JSON.parse(await readFile(file, 'utf8'));
    } catch (cause) {
      throw new LinewardError('BAD_INPUT', `${file} cannot be read as JSON`, { cause });
    }
  };
  const columns = catalog === undefined ? null : await read(catalog);
  yield* dbtLines(await read(manifest), columns, { namespace, jobNamespace: 'dbt' });
}

function needed(namespace: string | undefined): string {
  if (namespace !== undefined) return namespace;
  throw new LinewardError(
    'BAD_INPUT',
    '--namespace names the warehouse as OpenLineage does, e.g. postgres://warehouse:5432, snowflake://org-account, bigquery',
  );
}

function databaseOf(url: string): { readonly host: string; readonly pathname: string } {
  if (!URL.canParse(url))
    throw new LinewardError('BAD_INPUT', 'the database is named by a URL, postgres://user:password@host:5432/name');
  const { hostname, port, pathname } = new URL(url);
  return { host: `${hostname}:${port || '5432'}`, pathname };
}

async function* rowsOf(file: string): AsyncGenerator<DelimitedRow> {
  const known: readonly string[] = delimitedColumns;
  const header = (names: readonly string[]): string[] => {
    const strange = names.filter((name) => !known.includes(name.trim().toLowerCase()));
    if (strange.length > 0)
      throw new LinewardError('BAD_INPUT', `${file}: no column ${strange.join(', ')}; there are ${known.join(', ')}`);
    return names.map((name) => name.trim().toLowerCase());
  };
  const parser = createReadStream(file)
    .on('error', (error) => parser.destroy(error))
    .pipe(parse({ bom: true, columns: header, skip_empty_lines: true }));
  try {
    for await (const row of parser) yield row as DelimitedRow;
  } catch (cause) {
    if (cause instanceof LinewardError) throw cause;
    throw new LinewardError('BAD_INPUT', `${file}: ${cause instanceof Error ? cause.message : 'cannot be read'}`, {
      cause,
    });
  }
}

/** What cannot be read ends the request, whose own fault says only that it broke off: `fault` keeps why. */
class Texts {
  fault: unknown = null;
  readonly #lines: Lines;

  constructor(lines: Lines) {
    this.#lines = lines;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    try {
      for await (const line of this.#lines) yield `${typeof line === 'string' ? line : JSON.stringify(line)}\n`;
    } catch (fault) {
      this.fault = fault;
      throw fault;
    }
  }
}

async function report(body: ReadableStream<Uint8Array>, dryRun: boolean): Promise<string> {
  const shown: string[] = [];
  let [count, refused] = [0, 0];
  let summary: Answer['summary'] | null = null;
  for await (const text of createInterface({ input: Readable.fromWeb(body as never) })) {
    const answer = answerLine.parse(JSON.parse(text));
    if (answer.summary !== undefined) summary = answer.summary;
    else {
      count += 1;
      if (answer.ok !== true) refused += 1;
      if (count <= shownMax) shown.push(printed(answer));
    }
  }
  if (count > shownMax) shown.push(`  … and ${count - shownMax} more`);
  if (summary === null)
    throw new LinewardError(
      'BAD_INPUT',
      [...shown, 'the import broke off; run it again, it takes up what is missing'].join('\n'),
    );
  const { added, changed, unchanged, dropped } = summary;
  const sum = `${dryRun ? 'would be: ' : ''}${added} added, ${changed} changed, ${unchanged} unchanged, ${dropped} dropped, ${refused} refused`;
  if (refused > 0) throw new LinewardError('BAD_INPUT', [...shown, sum].join('\n'));
  return [...shown, sum].join('\n');
}

const signs: Readonly<Record<string, string>> = { ADDED: '+', CHANGED: '~', DROPPED: '-' };

function printed({ line, ok, change = '', reason, dataset, job, changes = [] }: Answer): string {
  if (ok !== true) return line == null ? `! ${reason}` : `! line ${line}: ${reason}`;
  const place = dataset ?? job;
  const head = `${signs[change] ?? '?'} ${job === undefined ? 'dataset' : 'job'} ${place?.namespace} ${place?.name}`;
  const more = changes.length > changesMax ? [`    … and ${changes.length - changesMax} more`] : [];
  return [head, ...changes.slice(0, changesMax).map(changed), ...more].join('\n');
}

const changed = ({ what, before, after }: { what: string; before?: unknown; after?: unknown }): string =>
  `    ${what}: ${short(before)} → ${short(after)}`;

function short(value: unknown): string {
  if (value == null) return 'nothing';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
