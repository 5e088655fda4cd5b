import { readdir, readFile } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import type { Step } from './step.ts';

/** A text file of the repository; `path` is relative, with slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const filesMin = 200;
const dumpFolder = /(^|\/)(utils?|helpers?|common|shared|types)\//;
const kebabName = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
const migrationName = /^\d{14}_[a-z0-9]+([-_][a-z0-9]+)*\.ts$/;
// Split so that this file passes its own rule.
const unfinished = new RegExp(`\\b(TO${'DO'}|FIX${'ME'})\\b`);
const sharedOutput = new RegExp(`stdio:.*'inher${'it'}'`);

const folders = ['src', 'packages/lake-client/src', 'tools', 'demo', 'bench', 'migrations', 'test'] as const;

const isCode = (path: string): boolean =>
  path.endsWith('.ts') && folders.some((folder) => path.startsWith(`${folder}/`));
const lineLimit = (path: string): number => (path.startsWith('test/') ? 400 : 300);

function problemsOf({ path, text }: SourceFile): string[] {
  const problems: string[] = [];
  const lines = text.split('\n');
  const count = text.endsWith('\n') ? lines.length - 1 : lines.length;
  const inProduct = path.startsWith('src/');
  const named = path.startsWith('migrations/') ? migrationName : kebabName;
  if (dumpFolder.test(path)) problems.push(`${path}: a function lives with its noun, not in a folder of odds and ends`);
  if (count > lineLimit(path)) problems.push(`${path}: ${count} lines, at most ${lineLimit(path)}; split it by verb`);
  if (!named.test(basename(path))) problems.push(`${path}: file names are kebab-case (migrations <timestamp>_<slug>)`);
  for (const [index, line] of lines.entries()) {
    const where = `${path}:${index + 1}`;
    if (!inProduct && sharedOutput.test(line))
      problems.push(`${where}: pass on what a child says; one that shares our output keeps a run from ending`);
    if (unfinished.test(line)) problems.push(`${where}: unfinished work belongs in the issue tracker`);
    if (inProduct && /\bnew Error\(/.test(line)) problems.push(`${where}: throw a LinewardError with a code`);
    if (inProduct && !path.startsWith('src/config/') && /\bprocess\.env\b/.test(line))
      problems.push(`${where}: only src/config reads the environment`);
  }
  return problems;
}

/** Rules over names, sizes and words of our code files; files that are not code are left out. */
export const fileProblems = (files: readonly SourceFile[]): string[] =>
  files.filter(({ path }) => isCode(path)).flatMap(problemsOf);

/** Every code file below `root`. */
export async function codeFiles(root: string): Promise<SourceFile[]> {
  const lists = folders.map(async (folder) => {
    const names = await readdir(join(root, folder), { recursive: true }).catch(() => []);
    return names.map((name) => [folder, ...name.split(sep)].join('/')).filter(isCode);
  });
  const paths = (await Promise.all(lists)).flat();
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8') })));
}

export const filesStep: Step = {
  name: 'files',
  async run(root) {
    const files = await codeFiles(root);
    const blind =
      files.length < filesMin ? [`only ${files.length} files were read; at least ${filesMin} are expected`] : [];
    return { problems: [...blind, ...fileProblems(files)], note: `${files.length} files` };
  },
};
