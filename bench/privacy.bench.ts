import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Bench, BenchCase } from './harness.ts';
import { subjects } from './privacy-subjects.ts';

const subjectProcess = fileURLToPath(new URL('privacy-subject.ts', import.meta.url));

async function run(): Promise<readonly BenchCase[]> {
  const cases: BenchCase[] = [];
  for (const name of Object.keys(subjects)) cases.push(...(await inOwnProcess(name)));
  return cases;
}

/** What the compiler makes of a function depends on what it saw before, so no subject runs where another has run. */
function inOwnProcess(name: string): Promise<readonly BenchCase[]> {
  return new Promise((resolve, reject) => {
    const child = fork(subjectProcess, [name]);
    let answered: readonly BenchCase[] = [];
    child.on('message', (cases) => {
      answered = cases as readonly BenchCase[];
    });
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve(answered) : reject(new Error(`${name} ended with ${code}`))));
  });
}

export const bench: Bench = {
  name: 'privacy',
  about:
    'Sealing, opening and redacting, beside raw AES-256-GCM, the AWS Encryption SDK, JSON and loops that copy; each subject in a process of its own but the last.',
  run,
};
