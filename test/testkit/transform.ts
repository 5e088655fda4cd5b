import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import avsc from 'avsc';
import { DuckdbTransformEngine } from '../../src/adapters/lake/duckdb/duckdb-transform-engine.ts';
import { type CompiledSpec, compileSpec } from '../../src/domain/transform/compile-spec.ts';
import { readSpec } from '../../src/domain/transform/read-spec.ts';
import type { SpecFacts } from '../../src/domain/transform/spec-facts.ts';
import { originColumn } from '../../src/domain/transform/transform-plan.ts';
import type { MergeResult, RejectedRows } from '../../src/services/transform/ports.ts';

/** The talk's transformer, as it was shown. */
export const talkTransformer = `{ "name": "SparkSummit Demo",
  "sources": [ { "topic": "SparkSummit.Demo", "transforms": [ { "type": "localizeDates", "fields": ["date_created", "date_updated"] } ] } ],
  "key": ["message_id"],
  "merge": { "strategy": "deduplicate", "fields": [ { "name": "date_updated", "compare": "strings", "direction": "asc" } ] },
  "resource": { "format": "avro", "path": "data/twilliofs/redacted/sparksummit_demo/v1.0/by_date_created_ymd/avro",
    "indexing": [ { "type": "daily", "date": "date_created" } ],
    "schema": { "namespace": "SparkSummit", "entity": "Demo", "version": 2 } } }`;

const demoColumns = [
  { name: 'message_id', type: 'VARCHAR' },
  { name: 'account_sid', type: 'VARCHAR' },
  { name: 'date_created', type: 'VARCHAR' },
  { name: 'date_updated', type: 'VARCHAR' },
  { name: 'status', type: 'VARCHAR' },
  { name: 'to', type: 'VARCHAR' },
  { name: 'segments', type: 'BIGINT' },
  { name: 'tags', type: 'JSON' },
] as const;

export const demoFacts: SpecFacts = {
  sources: [
    {
      kind: 'TOPIC',
      datasetId: 'd',
      place: { namespace: 'kafka://k', name: 'SparkSummit.Demo' },
      entityId: 'e',
      accountField: 'account_sid',
      subjectFields: ['to'],
      jsonTexts: [],
      movesRows: false,
      fields: demoColumns.map(({ name, type }) => ({ name, column: type, isNested: type === 'JSON' })),
    },
  ],
  lookups: [],
  resource: { entityId: 'e', fullName: 'SparkSummit.Demo', columns: demoColumns },
};

export function compiled(document: string | object, facts: SpecFacts = demoFacts, orders = {}): CompiledSpec {
  const read = readSpec(typeof document === 'string' ? document : JSON.stringify(document), orders);
  if (!read.ok) throw new Error(JSON.stringify(read.issues));
  const answer = compileSpec(read.spec, facts);
  if (!answer.ok) throw new Error(JSON.stringify(answer.issues));
  return answer.compiled;
}

export type Row = Record<string, unknown>;

/** A table on a disk that only the engine works on: batches go in, files come out. */
export class EngineTable {
  readonly #root: string;
  readonly #engine: DuckdbTransformEngine;
  readonly #spec: CompiledSpec;
  #run = 0;
  /** Paths of files with their folders. */
  files: { path: string; partition: string; bytes: number; mark: string | null }[] = [];
  rejected: RejectedRows[] = [];

  constructor(root: string, engine: DuckdbTransformEngine, spec: CompiledSpec) {
    this.#root = root;
    this.#engine = engine;
    this.#spec = spec;
  }

  /** One run over chunks of records. */
  async run(...chunks: readonly (readonly Row[])[]): Promise<MergeResult> {
    this.#run += 1;
    const directory = join(this.#root, `run-${this.#run}`);
    await mkdir(directory, { recursive: true });
    const { shapes, merge: plan } = this.#spec;
    const shape = shapes[0];
    if (shape === undefined) throw new Error('no source');
    const targets: string[] = [];
    for (const [index, rows] of chunks.entries()) {
      const source = join(directory, `lines-${index}`);
      const lines = rows.map((row, n) => JSON.stringify({ [originColumn]: `0:${n}`, ...row }));
      await writeFile(source, lines.join('\n'));
      targets.push(join(directory, `chunk-${index}`));
      this.rejected.push(
        ...(await this.#engine.shape({ source, target: targets[index] ?? '', plan: shape, lookups: [] })).rejected,
      );
    }
    const paths = this.files.map(({ path }) => path);
    const hits = await this.#engine.hits({ chunks: targets, base: paths, plan });
    const isSmall = (bytes: number): boolean => bytes < plan.file.bytes / 2;
    const picked = this.files.filter(
      ({ partition, bytes }, index) =>
        hits.files.includes(index) || (isSmall(bytes) && hits.partitions.includes(partition)),
    );
    const base = picked.map(({ path, partition, bytes, mark }) => ({ path, partition, isSmall: isSmall(bytes), mark }));
    const made = targets.map((path) => ({ path, mark: null }));
    const merged = await this.#engine.merge({ chunks: made, base, plan, directory });
    const gone = new Set(merged.replaced.map((index) => base[index]?.path));
    this.files = [
      ...this.files.filter(({ path }) => !gone.has(path)),
      ...merged.files.map(({ name, ...file }) => ({ ...file, path: join(directory, name) })),
    ];
    return merged;
  }

  /** All rows by folder, read by other means than those that wrote them, in the order of the key. */
  async rows(): Promise<Record<string, Row[]>> {
    const found: Record<string, Row[]> = {};
    for (const { path, partition } of this.files)
      found[partition] = [...(found[partition] ?? []), ...(await rowsOfFile(path, this.#spec.merge.file.format))];
    const key = (row: Row): string => JSON.stringify(this.#spec.merge.key.map((name) => row[name]));
    for (const rows of Object.values(found)) rows.sort((one, other) => (key(one) < key(other) ? -1 : 1));
    return Object.fromEntries(Object.entries(found).sort());
  }
}

/** Rows of a file, by parsers of others; JSON columns parsed, NULLs left out. */
export async function rowsOfFile(path: string, format: string): Promise<Row[]> {
  const rows =
    format === 'avro' ? await avroRows(path) : format === 'ndjson' ? await lineRows(path) : await parquetRows(path);
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row)
        .filter(([, value]) => value !== null && value !== undefined)
        .map(([name, value]) => [name, format === 'avro' && name === 'tags' ? JSON.parse(String(value)) : value]),
    ),
  );
}

function avroRows(path: string): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    const rows: Row[] = [];
    avsc
      .createFileDecoder(path)
      .on('data', (row: Row) => rows.push({ ...row }))
      .on('error', reject)
      .on('end', () => resolve(rows));
  });
}

async function lineRows(path: string): Promise<Row[]> {
  const text = await readFile(path, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
}

async function parquetRows(path: string): Promise<Row[]> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const reader = await connection.runAndReadAll(`SELECT CAST(to_json(t) AS VARCHAR) FROM read_parquet('${path}') t`);
  connection.closeSync();
  return reader.getRows().map(([json]) => JSON.parse(String(json)) as Row);
}

/** An engine with a directory of its own. */
export async function transformEngine(memoryLimitMb = 256) {
  const root = await mkdtemp(join(tmpdir(), 'lineward-transform-'));
  const engine = new DuckdbTransformEngine({
    memoryLimitMb,
    threads: 2,
    timeoutMs: 120_000,
    tempDir: join(root, 'tmp'),
  });
  let tables = 0;
  return {
    engine,
    root,
    table(spec: CompiledSpec): EngineTable {
      tables += 1;
      return new EngineTable(join(root, `table-${tables}`), engine, spec);
    },
    left: () => readdirSync(root),
    async close() {
      await engine.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
