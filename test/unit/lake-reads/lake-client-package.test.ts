import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const bin = (name: string): string => resolve('node_modules/.bin', name);
let project: string;

/** A project beside the product that has the package as npm would install it. */
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'lineward-consumer-'));
  const home = join(project, 'node_modules/@lineward/lake-client');
  await mkdir(home, { recursive: true });
  await writeFile(join(home, 'package.json'), await readFile('packages/lake-client/package.json'));
  await run(bin('tsc'), ['-p', 'packages/lake-client', '--outDir', join(home, 'dist')]);
  await writeFile(join(project, 'package.json'), '{ "type": "module" }');
}, 60_000);
afterAll(() => rm(project, { recursive: true, force: true }));

describe('the package of the lake client', () => {
  test('has no dependency, runs by its name and has types', async () => {
    const { dependencies, peerDependencies, files } = JSON.parse(
      await readFile('packages/lake-client/package.json', 'utf8'),
    );
    expect([dependencies, peerDependencies, files]).toEqual([undefined, undefined, ['dist', 'README.md']]);
    const program = `import { LakeClient, LakeReadError, type LakeRow } from '@lineward/lake-client';
const read = await new LakeClient({ url: 'http://127.0.0.1:1' }).open({ entity: 'A.B', columns: ['a'] }).catch((error: unknown) => {
  console.log(error instanceof LakeReadError ? error.code : 'other');
});
if (read) for await (const row of read) { const typed: LakeRow = row; console.log(typed); }
`;
    await writeFile(join(project, 'program.mts'), program);
    const strict = [
      '--ignoreConfig',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--noEmit',
      '--skipLibCheck',
      'false',
    ];
    const types = ['--typeRoots', resolve('node_modules/@types'), '--types', 'node'];
    await run(bin('tsc'), [...strict, ...types, join(project, 'program.mts')]).catch((error: { stdout: string }) => {
      throw new Error(error.stdout);
    });
    const { stdout } = await run(process.execPath, ['--experimental-strip-types', join(project, 'program.mts')]);
    expect(stdout.trim()).toBe('UNREACHABLE');
  });
});
