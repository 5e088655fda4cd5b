import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { LinewardError } from '../../src/errors/lineward-error.ts';
import { restoreDrill } from './restore-drill.ts';

const usage = `npm run drill -- EMPTY_DATABASE_URL

Dumps the database of an installation (DATABASE_MIGRATION_URL, or DATABASE_URL), restores it into an empty one, and proves over
copies that one can live from it: the service starts, data of erased subjects is looked for, the audit log is verified.
Takes the environment of the service; PG_DUMP and PG_RESTORE name the tools of PostgreSQL. Nothing outside of the empty database
is changed, and no broker, bucket, queue or webhook is spoken to.
`;

async function main(): Promise<void> {
  const [target] = process.argv.slice(2);
  const source = process.env.DATABASE_MIGRATION_URL ?? process.env.DATABASE_URL;
  if (target === undefined || source === undefined) {
    process.stdout.write(usage);
    process.exitCode = 1;
    return;
  }
  // Who asks the copy is the drill, whoever may ask the service.
  process.env.LINEWARD_API_TOKEN ??= randomBytes(24).toString('hex');
  const dataDir = process.env.LINEWARD_DATA_DIR ?? '.lineward';
  const start = performance.now();
  const { found, gaps } = await restoreDrill({
    ...{ source, target, dataDir, env: process.env },
    ledgerDir: process.env.LINEWARD_LEDGER_DIR ?? join(dataDir, 'ledger'),
    checkpoints: process.env.AUDIT_CHECKPOINT_URL ?? null,
    pgDump: process.env.PG_DUMP ?? 'pg_dump',
    pgRestore: process.env.PG_RESTORE ?? 'pg_restore',
    tell: (step, seconds, outcome) =>
      process.stdout.write(`ok   ${step.padEnd(22)} ${seconds.toFixed(1).padStart(7)} s  ${outcome}\n`),
  });
  const rest = found + gaps === 0 ? 'nothing of erased subjects is there again' : 'approve what the replay asks for';
  process.stdout.write(
    `restored in ${((performance.now() - start) / 1_000).toFixed(1)} s; after a real one: ${rest}\n`,
  );
}

main().catch((error: unknown) => {
  process.stderr.write(
    `drill: ${error instanceof LinewardError ? `${error.code}: ${error.message}` : String(error)}\n`,
  );
  process.exitCode = 1;
});
