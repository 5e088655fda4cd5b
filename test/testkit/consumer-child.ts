/** A process with the consumer role alone, which the test may kill. */
import { createLogger } from '../../src/adapters/telemetry/logger.ts';
import { buildServices } from '../../src/build-services.ts';
import { loadEnv } from '../../src/config/env.ts';
import { openParts } from '../../src/open-parts.ts';

const env = loadEnv(JSON.parse(process.argv[2] ?? '') as Record<string, string>);
const logger = createLogger(env.LOG_LEVEL);
const closers: (() => Promise<void>)[] = [];
const parts = await openParts(env, logger, (close) => closers.push(close));
const { streamRunner } = buildServices(env, logger, parts);
streamRunner.start();
process.once('SIGTERM', async () => {
  await streamRunner.stop();
  for (const close of closers.reverse()) await close();
  process.exit(0);
});
console.log('started');
