#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { LakeReadError } from '../../packages/lake-client/src/index.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { addKey } from './add-key.ts';
import { exportAuditLog, verifyFile } from './audit-log.ts';
import { importCatalog } from './catalog-import.ts';
import { erase } from './erase.ts';
import { readLake } from './lake-read.ts';
import { migrate } from './migrate.ts';
import { exportRegistry, importRegistry } from './registry-transfer.ts';
import { replayLedger } from './replay-ledger.ts';
import { printReport, verifyReport, writeEvidence } from './report.ts';

const usage = `lineward <verb>

  audit export FILE [--url URL]           write the sealed audit log into a file
  audit verify FILE [--public-key KEY] [--checkpoints PLACE]
                                          check such a file, or a certificate, without the service; KEY: base64 of
                                          the key you trust, PLACE: directory or s3:// of checkpoints as published
  erase --account ID [--field F --value V] [--dry-run] [--reason TEXT] [--url URL]
                                          request an erasure over GraphQL and print its plan
  catalog import KIND FROM [--source NAME] [--namespace NS] [--catalog FILE] [--partial] [--dry-run] [--url URL]
                                          take what another catalog knows, KIND and FROM: dbt MANIFEST, postgres URL,
                                          csv FILE, ndjson FILE; --dry-run shows what would change
  lake read ENTITY [--table LOCATION] [--from DAY] [--to DAY] [--columns A,B] [--format ndjson|csv|table|parquet]
            [--limit ROWS] [--output FILE] [--decrypt] [--purpose TEXT] [--url URL]
                                          read a lake table as the service lets you: days from one up to, and without,
                                          another; --table in the place of ENTITY where that has several
  ledger replay [--url URL]               look for data of erased subjects, after a restore; what is found is
                                          requested anew and waits for approval
  report NAME [--from DATE] [--to DATE] [--url URL]
                                          print a report for auditors as CSV; a name that is none lists them
  report bundle FRAMEWORK FILE.zip        write the evidence for gdpr, sox, hipaa, pci or all into a new archive: reports, the
                                          sealed audit log, and a signed manifest
  report verify FILE [--public-key KEY]   check such an archive, or a report of one, without the service
  registry export FILE [--registry URL]   write all schemas of a registry of Confluent's protocol into a file
  registry import FILE [--url URL]        take such a file, ids kept; set the mode IMPORT first
  keys add                                add a wrapping key to the local key file; it wraps from the next start on
  migrate                                 bring the database to this version as its owner (DATABASE_MIGRATION_URL), and
                                          grant the role of DATABASE_URL what the service needs

Environment: LINEWARD_API_TOKEN is sent as bearer token when set.
`;

const options = {
  account: { type: 'string' },
  field: { type: 'string' },
  value: { type: 'string' },
  reason: { type: 'string' },
  from: { type: 'string' },
  source: { type: 'string' },
  namespace: { type: 'string' },
  catalog: { type: 'string' },
  partial: { type: 'boolean' },
  table: { type: 'string' },
  to: { type: 'string' },
  columns: { type: 'string' },
  format: { type: 'string', default: 'ndjson' },
  limit: { type: 'string' },
  output: { type: 'string' },
  decrypt: { type: 'boolean' },
  purpose: { type: 'string' },
  'dry-run': { type: 'boolean' },
  'public-key': { type: 'string' },
  checkpoints: { type: 'string' },
  url: { type: 'string', default: 'http://127.0.0.1:4000/graphql' },
  registry: { type: 'string', default: 'http://127.0.0.1:8081' },
  help: { type: 'boolean', short: 'h' },
} as const;

function readArguments() {
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (cause) {
    throw new LinewardError('BAD_INPUT', cause instanceof Error ? cause.message : undefined, { cause });
  }
}

type Values = ReturnType<typeof readArguments>['values'];

const catalogOptions = ({ source, namespace, catalog, partial, 'dry-run': dryRun, url }: Values) => ({
  ...{ source, namespace, catalog, url },
  partial: partial ?? false,
  dryRun: dryRun ?? false,
});

const lakeOptions = ({ table, from, to, columns, format, limit, output, decrypt, purpose, url }: Values) => ({
  ...{ table, from, to, columns, format, limit, output, decrypt, purpose, url },
});

function report([name = '', file, archive]: readonly (string | undefined)[], values: Values): Promise<string> {
  if (name === 'verify' && file !== undefined) return verifyReport(file, values['public-key'] ?? null);
  const { from, to, url } = values;
  return name === 'bundle' && file !== undefined && archive !== undefined
    ? writeEvidence(file, { file: archive, from, to, url })
    : printReport(name, { from, to, url });
}

/** The text to print; null for what has printed by itself. */
async function run(): Promise<string | null> {
  const { values, positionals } = readArguments();
  const [verb, second, file, from] = positionals;
  if (values.help === true || verb === undefined) return usage;
  if (verb === 'audit' && second === 'verify' && file !== undefined)
    return verifyFile(file, { publicKey: values['public-key'] ?? null, checkpoints: values.checkpoints ?? null });
  if (verb === 'audit' && second === 'export' && file !== undefined) return exportAuditLog(values.url, file);
  if (verb === 'erase' && values.account !== undefined)
    return erase({ ...values, account: values.account, dryRun: values['dry-run'] ?? false });
  if (verb === 'catalog' && second === 'import' && file !== undefined && from !== undefined)
    return importCatalog({ kind: file, from, ...catalogOptions(values) });
  if (verb === 'report' && second !== undefined) return report([second, file, from], values);
  if (verb === 'registry' && second === 'export' && file !== undefined) return exportRegistry(values.registry, file);
  if (verb === 'registry' && second === 'import' && file !== undefined) return importRegistry(values.url, file);
  if (verb === 'lake' && second === 'read' && (file !== undefined || values.table !== undefined))
    return readLake({ ...lakeOptions(values), entity: file });
  if (verb === 'ledger' && second === 'replay') return replayLedger(values.url);
  if (verb === 'keys' && second === 'add') return addKey();
  if (verb === 'migrate') return migrate();
  throw new LinewardError('BAD_INPUT', `unknown or incomplete command.\n\n${usage}`);
}

run().then(
  (text) => {
    if (text !== null) process.stdout.write(`${text.trimEnd()}\n`);
  },
  (error: unknown) => {
    const isTold = error instanceof LinewardError || error instanceof LakeReadError;
    const text = isTold ? `${error.code}: ${error.message}` : String(error);
    process.stderr.write(`lineward: ${text}\n`);
    process.exitCode = 1;
  },
);
