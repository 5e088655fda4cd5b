import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { pythonWith } from './python.ts';

export interface KmsServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** AWS KMS as moto plays it; null where there is no Python. */
export async function startKmsServer(): Promise<KmsServer | null> {
  const python = await pythonWith(
    'python-moto',
    ['moto[kms]==5.2.5', 'flask==3.1.3', 'flask-cors==6.0.5'],
    'import moto.server, flask_cors, moto.kms.models',
  );
  if (python === null) return null;
  const child = spawn(python, ['test/testkit/kms_server.py'], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stderr.pipe(process.stderr);
  const exited = once(child, 'exit');
  const lines = createInterface(child.stdout);
  const url = await Promise.race([firstUrl(lines), exited.then(() => null)]);
  if (url === null) throw new Error('moto did not start; its reason stands above');
  return {
    url,
    async stop() {
      child.stdin.end();
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function firstUrl(lines: AsyncIterable<string>): Promise<string | null> {
  for await (const line of lines) if (line.startsWith('http://')) return line;
  return null;
}
