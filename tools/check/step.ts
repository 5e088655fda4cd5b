import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

/** What a step found: one line per problem; none is a pass. `note` says what was looked at. */
export interface Findings {
  readonly problems: readonly string[];
  readonly note: string;
}

/** One gate of `npm run check`. */
export interface Step {
  readonly name: string;
  run(root: string): Promise<Findings>;
}

export interface Finished {
  readonly code: number;
  readonly output: string;
}

/** Runs a program of `node_modules/.bin`, or of PATH, in `root`; output is both streams together. */
export function runProgram(root: string, program: string, args: readonly string[]): Promise<Finished> {
  const path = [join(root, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter);
  return new Promise((done, fail) => {
    const child = spawn(program, args, { cwd: root, env: { ...process.env, PATH: path, NO_COLOR: '1' } });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('error', fail);
    child.once('close', (code) => done({ code: code ?? 1, output: Buffer.concat(chunks).toString('utf8').trim() }));
  });
}

/** A step that is another program's verdict. */
export function programStep(name: string, program: string, args: readonly string[]): Step {
  return {
    name,
    async run(root) {
      const { code, output } = await runProgram(root, program, args);
      return { problems: code === 0 ? [] : [output === '' ? `${program} ended with ${code}` : output], note: '' };
    },
  };
}
