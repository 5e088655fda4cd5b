import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startChild } from './child-process.ts';

const childModule = fileURLToPath(new URL('./consumer-child.ts', import.meta.url));

export interface ConsumerProcess {
  /** Leaves its groups and ends. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Starts a process of an installation that runs its streams. */
export async function consumerProcess(settings: Readonly<Record<string, string>>): Promise<ConsumerProcess> {
  const child = startChild(childModule, JSON.stringify(settings));
  const exited = once(child, 'exit');
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const started = once(child.stdout, 'data');
  await Promise.race([
    started,
    exited.then(([code]) => Promise.reject(new Error(`the consumer ended with ${code} before it started`))),
  ]);
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await exited;
    process.off('exit', killWithUs);
  };
  return { stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}
