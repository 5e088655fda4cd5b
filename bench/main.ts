import type { Bench } from './harness.ts';

const benches: Readonly<Record<string, () => Promise<{ readonly bench: Bench }>>> = {
  governance: () => import('./governance.bench.ts'),
  'graphql-read': () => import('./graphql-read.bench.ts'),
  jobs: () => import('./jobs.bench.ts'),
  kafka: () => import('./kafka.bench.ts'),
  lake: () => import('./lake.bench.ts'),
  'lake-day': () => import('./lake-day.bench.ts'),
  'lake-steps': () => import('./lake-steps.bench.ts'),
  lineage: () => import('./lineage.bench.ts'),
  privacy: () => import('./privacy.bench.ts'),
  'privacy-memory': () => import('./privacy-memory.bench.ts'),
  'privacy-workers': () => import('./privacy-workers.bench.ts'),
  registry: () => import('./registry.bench.ts'),
  transform: () => import('./transform.bench.ts'),
};

const round = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

async function main(): Promise<number> {
  const names = process.argv.slice(2).filter((word) => !word.startsWith('--'));
  const asJson = process.argv.includes('--json');
  const unknown = names.find((name) => !(name in benches));
  if (names.length === 0 || unknown !== undefined) {
    process.stdout.write(`npm run bench -- <name> [--json]\n\n`);
    for (const [name, load] of Object.entries(benches))
      process.stdout.write(`  ${name.padEnd(16)} ${(await load()).bench.about}\n`);
    return unknown === undefined ? 0 : 1;
  }
  for (const name of names) {
    const bench = (await benches[name]?.())?.bench;
    if (bench === undefined) continue;
    const cases = await bench.run();
    if (asJson) {
      process.stdout.write(`${JSON.stringify({ name, cases })}\n`);
      continue;
    }
    process.stdout.write(`\n${name}: ${bench.about}\n`);
    for (const item of cases) {
      const against =
        item.reference === null
          ? ''
          : `${item.reference.name} ${round(item.reference.value)}, ratio ${item.ratio?.toFixed(2)}`;
      process.stdout.write(
        `  ${item.case.padEnd(44)} ${round(item.value).padStart(8)} ${item.unit.padEnd(9)} ${against}\n`,
      );
    }
  }
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
