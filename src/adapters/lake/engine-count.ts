import { availableParallelism, totalmem } from 'node:os';

/** More would wait for the same disk. */
const enginesMax = 16;
/** Of the memory that the process may have; the rest is for the service, and the cache of files. */
const memoryShare = 0.5;

interface Machine {
  readonly cores: number;
  readonly memoryMb: number;
}

/** How many engines a machine has cores and memory for, each with `threads` and `memoryLimitMb`; at least one. */
export function engineCount(
  { threads, memoryLimitMb }: { readonly threads: number; readonly memoryLimitMb: number },
  { cores, memoryMb } = thisMachine(),
): number {
  const most = Math.min(Math.floor(cores / threads), Math.floor((memoryMb * memoryShare) / memoryLimitMb), enginesMax);
  return Math.max(1, most);
}

/** As the container or the system limits it. */
function thisMachine(): Machine {
  // 0, or more than there is, where nothing is limited.
  const limit = process.constrainedMemory();
  const memory = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return { cores: availableParallelism(), memoryMb: memory / 1024 ** 2 };
}
