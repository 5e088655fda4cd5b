/** A worker that takes one task, says so, and never ends it: the test kills it in the middle. */
import { BullmqJobs } from '../../src/adapters/bullmq/bullmq-jobs.ts';
import type { JobsBackend } from '../../src/adapters/bullmq/connection.ts';
import { quietLogger } from './actor.ts';

const { backend, queue, name, lockMs } = JSON.parse(process.argv[2] ?? '') as {
  backend: JobsBackend;
  queue: string;
  name: string;
  lockMs: number;
};
const jobs = new BullmqJobs({ backend, logger: quietLogger, lockMs });
await jobs.work(
  [
    {
      name,
      queue,
      run: () => {
        console.log('started');
        return new Promise<void>(() => {});
      },
    },
  ],
  {},
);
