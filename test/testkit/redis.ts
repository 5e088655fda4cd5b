import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../src/adapters/postgres/free-port.ts';

export interface TestRedis {
  readonly url: string;
  stop(): Promise<void>;
}

const startTimeoutMs = 10_000;

function answersPing(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const end = (answer: boolean) => {
      socket.destroy();
      done(answer);
    };
    socket.setTimeout(1_000, () => end(false));
    socket.once('data', (data) => end(data.toString().startsWith('+PONG')));
    socket.once('error', () => end(false));
  });
}

async function started(child: ChildProcess): Promise<boolean> {
  return new Promise((done) => {
    child.once('spawn', () => done(true));
    child.once('error', () => done(false));
  });
}

/** A Redis of our own in `directory` that keeps nothing on disk; null when `redis-server` is not on PATH. */
export async function startRedis(directory: string): Promise<TestRedis | null> {
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', [...settings, '--dir', directory], { stdio: 'ignore' });
  if (!(await started(child))) return null;
  const exited = once(child, 'exit');
  const killNow = () => child.kill('SIGKILL');
  process.once('exit', killNow);
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    process.off('exit', killNow);
  };
  const deadline = Date.now() + startTimeoutMs;
  while (!(await answersPing(port))) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
    if (Date.now() > deadline) throw new Error('redis-server did not answer');
    await sleep(50);
  }
  return { url: `redis://127.0.0.1:${port}`, stop };
}
