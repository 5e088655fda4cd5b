import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { layerReport, modulesMin } from '../tools/check/layers.ts';
import { runProgram } from '../tools/check/step.ts';

const copied = [
  ...['src', 'packages', 'migrations', 'tools', 'demo', 'bench', 'test'],
  ...['package.json', 'tsconfig.json', 'vitest.config.ts', 'knip.json', '.dependency-cruiser.cjs'],
];

const faults = [
  ['layer-domain', 'src/domain/page.ts', "import '../services/sql.ts';"],
  ['layer-errors', 'src/errors/codes.ts', "import '../domain/id.ts';"],
  ['layer-entities', 'src/entities/stream.entity.ts', "import '../services/sql.ts';"],
  ['layer-services', 'src/services/sql.ts', "import '../resolvers/context.ts';"],
  ['layer-services', 'src/services/sql.ts', "import '../adapters/telemetry/logger.ts';"],
  ['layer-schema', 'src/schema/scalars.ts', "import '../services/sql.ts';"],
  ['layer-resolvers', 'src/resolvers/acting.ts', "import '../http/listener.ts';"],
  ['layer-http', 'src/http/listener.ts', "import '../adapters/telemetry/logger.ts';"],
  ['layer-consumers', 'src/consumers/stream-runner.ts', "import '../http/listener.ts';"],
  ['layer-adapters', 'src/adapters/kafka/backoff.ts', "import '../../services/sql.ts';"],
  ['layer-adapters', 'src/adapters/kafka/backoff.ts', "import '../../entities/stream.entity.ts';"],
  ['layer-cli', 'src/cli/migrate.ts', "import '../services/sql.ts';"],
  ['layer-config', 'src/config/env.ts', "import '../domain/id.ts';"],
  ['schema-sees-rows-as-types', 'src/schema/scalars.ts', "import '../entities/stream.entity.ts';"],
  ['loaders-read', 'src/loaders/create-loaders.ts', "import '../services/sql.ts';"],
  ['job-contract-is-a-leaf', 'src/jobs/verify-target.job.ts', "import '../services/sql.ts';"],
  ['processor-only-by-registry', 'src/services/sql.ts', "import '../jobs/verify-target.processor.ts';"],
  ['composition-root', 'src/http/listener.ts', "import '../app.ts';"],
  ['product-stands-alone', 'src/services/sql.ts', "import '../../tools/kafka/broker-config.ts';"],
  ['packages-stand-alone', 'packages/lake-client/src/values.ts', "import '../../../src/domain/id.ts';"],
  ['packages-by-the-command-line', 'src/http/ndjson.ts', "import '../../packages/lake-client/src/values.ts';"],
  ['migrations-are-frozen', 'migrations/20261123000100_catalog.ts', "import '../src/domain/id.ts';"],
  ['domain-is-pure', 'src/domain/page.ts', "import 'node:fs';"],
  ['domain-libraries', 'src/domain/page.ts', "import 'fastify';"],
  ['vendor-in-adapters', 'src/services/sql.ts', "import 'kafkajs';"],
  ['vendor-in-adapters', 'src/consumers/stream-runner.ts', "import type { Queue } from 'bullmq';"],
  ['vendor-in-adapters', 'src/services/sql.ts', "import 'ioredis';"],
  ['vendor-in-adapters', 'src/services/sql.ts', "import '@duckdb/node-api';"],
  ['vendor-in-adapters', 'src/services/sql.ts', "import '@aws-sdk/client-kms';"],
  ['vendor-in-adapters', 'src/services/sql.ts', "import 'pg';"],
  ['log-in-adapters', 'src/services/sql.ts', "import 'pino';"],
  ['type-graphql', 'src/entities/stream.entity.ts', "import 'type-graphql';"],
  ['graphql', 'src/services/sql.ts', "import 'graphql';"],
  ['http-in-http', 'src/services/sql.ts', "import 'fastify';"],
  ['orm', 'src/resolvers/acting.ts', "import '@mikro-orm/postgresql';"],
  ['runtime-dependency', 'src/services/sql.ts', "import 'fast-check';"],
  ['unresolved', 'src/services/sql.ts', "import './nowhere.ts';"],
] as const;

let copy = '';

/** Adds lines to a file of the copy while `look` runs. */
async function planted<Found>(path: string, text: string, look: () => Promise<Found>): Promise<Found> {
  const file = join(copy, path);
  const original = await readFile(file, 'utf8').catch(() => null);
  await writeFile(file, `${text}\n${original ?? ''}`);
  try {
    return await look();
  } finally {
    await (original === null ? rm(file) : writeFile(file, original));
  }
}

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'lineward-architecture-'));
  const there = copied.filter((name) => existsSync(name));
  await Promise.all(there.map((name) => cp(resolve(name), join(copy, name), { recursive: true })));
  await symlink(resolve('node_modules'), join(copy, 'node_modules'), 'dir');
}, 60_000);

afterAll(async () => {
  await rm(copy, { recursive: true, force: true });
});

describe('layers', () => {
  test('hold in the real tree, and the whole tree was read', async () => {
    const { modules, violations } = await layerReport(resolve('.'));
    expect(violations).toEqual([]);
    expect(modules).toBeGreaterThan(modulesMin);
  });

  test('hold in the copy that the faults below are planted in', async () => {
    expect((await layerReport(copy)).violations).toEqual([]);
  });

  describe('with every fault planted', () => {
    let found: readonly string[] = [];

    beforeAll(async () => {
      const lines = Map.groupBy(faults, ([, path]) => path);
      const look = [...lines].reduce(
        (inner, [path, planting]) =>
          () =>
            planted(path, planting.map(([, , line]) => line).join('\n'), inner),
        () => layerReport(copy),
      );
      found = (await look()).violations;
    }, 60_000);

    test.each(faults)('%s refuses, in %s: %s', (rule, path, line) => {
      const imported = /'(?:node:|[./]*)(.*)'/.exec(line)?.[1] ?? line;
      const named = found.filter((violation) => violation.startsWith(`${rule}: ${path} → `));
      expect(named.filter((violation) => violation.includes(imported))).not.toEqual([]);
    });
  });

  // By itself: the faults above import in circles, too.
  test('no-cycle refuses two modules that import each other', async () => {
    const { violations } = await planted('src/domain/page.ts', "import type {} from './governance/selection.ts';", () =>
      planted('src/domain/governance/selection.ts', "import type {} from '../page.ts';", () => layerReport(copy)),
    );
    expect(violations.map((violation) => violation.split(':')[0])).toContain('no-cycle');
  });

  test('a tree that cannot be read is not taken for a clean one', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'lineward-empty-'));
    await cp(resolve('.dependency-cruiser.cjs'), join(empty, '.dependency-cruiser.cjs'));
    const seen = await layerReport(empty).then(
      ({ modules }) => modules,
      () => 0,
    );
    await rm(empty, { recursive: true, force: true });
    expect(seen).toBeLessThan(modulesMin);
  });
});

test('whether somebody may do something is asked of the access guard: roles alone pass by policies', async () => {
  const files = (await readdir('src', { recursive: true })).filter((name) => name.endsWith('.ts'));
  const asking = await Promise.all(
    files.map(async (name) => ((await readFile(join('src', name), 'utf8')).includes('mayDo(') ? [name] : [])),
  );
  expect(asking.flat().sort()).toEqual(['domain/access/access-decision.ts', 'domain/access/role.ts']);
});

describe('dead code', () => {
  const knip = () => runProgram(copy, 'knip', ['--no-progress']);

  test('an export that nobody imports, a file that nobody reaches and a package that nobody uses are found', async () => {
    const manifest = JSON.parse(await readFile(join(copy, 'package.json'), 'utf8'));
    manifest.dependencies['left-over'] = '1.0.0';
    await writeFile(join(copy, 'package.json'), JSON.stringify(manifest));
    const { code, output } = await planted('src/domain/id.ts', 'export const deadExport = 1;', () =>
      planted('src/domain/dead-file.ts', 'export const unreached = 1;', knip),
    );
    await cp(resolve('package.json'), join(copy, 'package.json'));
    expect(code).not.toBe(0);
    expect(output).toContain('deadExport');
    expect(output).toContain('src/domain/dead-file.ts');
    expect(output).toContain('left-over');
  }, 60_000);
});
