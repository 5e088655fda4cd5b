import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../../src/adapters/postgres/free-port.ts';
import { LinewardError } from '../../src/errors/lineward-error.ts';

const run = promisify(execFile);

/** A server of S3 with versions, conditional writes and object locks, on a directory. */
const version = '1.8.0';
const goModule = `github.com/versity/versitygw/cmd/versitygw@v${version}`;
const startTimeoutMs = 20_000;

/** Credentials of the server's only user. */
export const gatewayCredentials = { accessKeyId: 'lineward', secretAccessKey: 'lineward-test-secret' };

export interface Gateway {
  readonly endpoint: string;
  stop(): Promise<void>;
}

const installDir = (): string => resolve(process.env.LINEWARD_S3_GATEWAY_DIR ?? join('.cache', `versitygw-${version}`));

/** The program, made with Go when it is not there yet (about two minutes); null where it cannot be made. */
export async function gatewayProgram(): Promise<string | null> {
  const program = join(installDir(), 'versitygw');
  if (existsSync(program)) return program;
  try {
    await mkdir(installDir(), { recursive: true });
    await run('go', ['install', goModule], { env: { ...process.env, GOBIN: installDir() }, maxBuffer: 2 ** 24 });
    return existsSync(program) ? program : null;
  } catch {
    return null;
  }
}

/** Starts the server on a directory of its own; buckets may have versions. */
export async function startGateway(program: string, directory: string): Promise<Gateway> {
  const [data, versions] = [join(directory, 'data'), join(directory, 'versions')];
  await Promise.all([mkdir(data, { recursive: true }), mkdir(versions, { recursive: true })]);
  const port = await freePort();
  const { accessKeyId, secretAccessKey } = gatewayCredentials;
  const child = spawn(
    program,
    [
      ...['--access', accessKeyId, '--secret', secretAccessKey, '--port', `127.0.0.1:${port}`, '--region', 'us-east-1'],
      ...['posix', '--versioning-dir', versions, data],
    ],
    { stdio: 'ignore' },
  );
  const exited = new Promise<void>((end) => child.once('exit', () => end()));
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  for (const deadline = Date.now() + startTimeoutMs; Date.now() < deadline; await sleep(50)) {
    // Any answer will do, a refusal for want of a signature too.
    if (
      child.exitCode === null &&
      (await fetch(endpoint).then(
        () => true,
        () => false,
      ))
    )
      return { endpoint, stop };
  }
  await stop();
  throw new LinewardError('INTERNAL', 'The S3 server for tests did not start.');
}
