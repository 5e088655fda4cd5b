import { type Profiler, Session } from 'node:inspector/promises';

/** Runs `work` under the profiler; answers its result and the functions that took the most time themselves. */
export async function profiled<T>(work: () => Promise<T>, most = 3): Promise<{ result: T; top: readonly string[] }> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  const result = await work();
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  return { result, top: selfTimes(profile).slice(0, most) };
}

/** Shares of the time in which the process was not idle, greatest first. */
function selfTimes({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): readonly string[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const name = names.get(id) ?? '';
    if (name !== '(idle)' && !name.startsWith('post node:inspector'))
      times.set(name, (times.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times]
    .sort(([, one], [, other]) => other - one)
    .map(([name, time]) => `${((100 * time) / total).toFixed(1)} % ${name}`);
}

function nameOf({ functionName, url, lineNumber }: Profiler.Profile['nodes'][number]['callFrame']): string {
  if (url === '') return functionName;
  const file = url.split('/node_modules/').at(-1)?.split('/').slice(-3).join('/') ?? url;
  return `${functionName === '' ? '(anonymous)' : functionName} ${file}:${lineNumber + 1}`;
}
