import { createLogger } from './adapters/telemetry/logger.ts';
import { type App, startApp } from './app.ts';
import { processEnv } from './config/env.ts';
import { isLoopback } from './config/loopback.ts';
import { LinewardError } from './errors/lineward-error.ts';

const stopTimeoutMs = 10_000;

async function main(): Promise<void> {
  const env = processEnv();
  const logger = createLogger(env.LOG_LEVEL);
  if (!env.authenticated)
    logger.warn({ host: env.HOST }, 'authentication is off: every local user is actor "local" with every role');
  if (env.tls === null && !isLoopback(env.HOST))
    logger.warn(
      { host: env.HOST },
      'the listeners speak HTTP: tokens and data can be read on the way unless something in front of them ends TLS; see TLS_CERT_FILE',
    );
  const starting = startApp(env, logger);
  // From here on parts run that have to be stopped, also when the signal comes during the start.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(starting));
  const app = await starting;
  const { main: mainUrl, registry, produce } = app.urls;
  process.stdout.write(
    `Lineward ready  GraphQL ${mainUrl}/graphql  registry ${registry ?? '-'}  produce ${produce ?? '-'}\n`,
  );
}

async function stop(starting: Promise<App>): Promise<void> {
  setTimeout(() => {
    process.stderr.write(
      'Lineward did not stop within 10 s and ends now; unfinished work is taken up at the next start.\n',
    );
    process.exit(1);
  }, stopTimeoutMs).unref();
  // A start that fails ends the process by itself.
  const app = await starting.catch(() => null);
  await app?.stop();
  if (app !== null) process.exit(0);
}

main().catch((error: unknown) => {
  const text =
    error instanceof LinewardError
      ? `${error.code}: ${error.message}`
      : String(error instanceof Error ? error.stack : error);
  process.stderr.write(`Lineward could not start. ${text}\n`);
  process.exit(1);
});
