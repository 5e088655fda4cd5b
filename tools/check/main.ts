import { resolve } from 'node:path';
import { auditStep } from './audit.ts';
import { docsStep } from './config-table.ts';
import { filesStep } from './file-rules.ts';
import { layersStep } from './layers.ts';
import { schemaStep } from './schema-file.ts';
import { programStep, type Step } from './step.ts';

const steps: readonly Step[] = [
  programStep('types', 'tsc', ['--noEmit']),
  programStep('lint', 'biome', ['check', '--error-on-warnings', '.']),
  layersStep,
  programStep('dead-code', 'knip', ['--no-progress', '--treat-config-hints-as-errors']),
  filesStep,
  schemaStep,
  docsStep,
  auditStep,
];

async function verdict(step: Step, root: string): Promise<boolean> {
  const began = performance.now();
  const { problems, note } = await step
    .run(root)
    .catch((error: unknown) => ({ problems: [String(error instanceof Error ? error.stack : error)], note: '' }));
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  const passed = problems.length === 0;
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${step.name.padEnd(10)} ${seconds.padStart(5)} s  ${note}`.trimEnd());
  for (const problem of problems) console.log(problem.replaceAll(/^/gm, '     '));
  return passed;
}

/** Runs all steps, or the named ones, one after the other; a failing step does not hide the next. */
async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`No such step: ${unknown.join(', ')}. Steps: ${steps.map(({ name }) => name).join(', ')}`);
    process.exitCode = 2;
    return;
  }
  const failed: string[] = [];
  for (const step of steps.filter(({ name }) => names.length === 0 || names.includes(name)))
    if (!(await verdict(step, resolve('.')))) failed.push(step.name);
  console.log(failed.length === 0 ? 'check passed' : `check failed: ${failed.join(', ')}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

await main(process.argv.slice(2));
