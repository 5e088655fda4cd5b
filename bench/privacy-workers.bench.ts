import { createSecretKey, randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type Bench, type BenchCase, beside, measureInTurns } from './harness.ts';
import { type WorkerCall, worked } from './worker-sealing.ts';

const batches = [100, 1_000, 10_000] as const;
const sizes = [32, 4_096] as const;
const rounds = 3;
const secondsPerTurn = 0.2;
const keyBytes = randomBytes(32);
const key = createSecretKey(keyBytes);

async function run(): Promise<readonly BenchCase[]> {
  const workers = Array.from({ length: availableParallelism() }, () => startedWorker());
  try {
    const cases: BenchCase[] = [];
    for (const size of sizes) for (const batch of batches) cases.push(...(await batchCases(workers, size, batch)));
    return cases;
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function startedWorker(): Worker {
  return new Worker(new URL('worker-sealing.ts', import.meta.url), { workerData: keyBytes });
}

/**
 * A batch in this thread, handed whole to one worker (this thread only waits and is free for others), and in equal parts to
 * one worker per core.
 */
async function batchCases(workers: readonly Worker[], size: number, batch: number): Promise<readonly BenchCase[]> {
  const texts = Array.from({ length: batch }, (_, index) => String(index).padEnd(size, 'a'));
  const seal: WorkerCall = { verb: 'seal', texts };
  const open: WorkerCall = { verb: 'open', texts: worked(key, seal) };
  const rates = await measureInTurns(
    {
      sealHere: async () => worked(key, seal),
      sealAway: () => inParts(workers.slice(0, 1), seal),
      sealParts: () => inParts(workers, seal),
      openHere: async () => worked(key, open),
      openAway: () => inParts(workers.slice(0, 1), open),
      openParts: () => inParts(workers, open),
    },
    rounds,
    secondsPerTurn,
  );
  const against = (label: string, value: number, reference: number): BenchCase =>
    beside(`${label}, ${batch} of ${size} B`, value * batch, '/s', {
      name: 'in this thread',
      value: reference * batch,
    });
  return [
    against('seal by one worker', rates.sealAway, rates.sealHere),
    against(`seal by ${workers.length} workers`, rates.sealParts, rates.sealHere),
    against('open by one worker', rates.openAway, rates.openHere),
    against(`open by ${workers.length} workers`, rates.openParts, rates.openHere),
  ];
}

async function inParts(workers: readonly Worker[], { verb, texts }: WorkerCall): Promise<readonly string[]> {
  const length = Math.ceil(texts.length / workers.length);
  const parts = workers.map((worker, index) =>
    answerOf(worker, { verb, texts: texts.slice(index * length, (index + 1) * length) }),
  );
  return (await Promise.all(parts)).flat();
}

function answerOf(worker: Worker, call: WorkerCall): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    worker.once('message', (answer: readonly string[]) => {
      worker.off('error', reject);
      resolve(answer);
    });
    worker.once('error', reject);
    worker.postMessage(call);
  });
}

export const bench: Bench = {
  name: 'privacy-workers',
  about: 'Sealing and opening batches in worker threads, beside the same batch in this thread.',
  run,
};
