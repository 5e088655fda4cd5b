import { parseArgs } from 'node:util';
import { brokerToolchain, startBroker } from './broker.ts';

/** Runs a broker in the foreground until it is interrupted: `npx tsx tools/kafka/main.ts --port 9092 --dir .lineward/kafka`. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '9092' },
      dir: { type: 'string', default: '.lineward/kafka' },
    },
  });
  const toolchain = await brokerToolchain();
  if (!toolchain.ok) {
    console.error(toolchain.reason);
    process.exitCode = 1;
    return;
  }
  const broker = await startBroker({ dir: values.dir, port: Number(values.port), log: console.log });
  console.log(`Kafka ready on ${broker.brokers}, data in ${values.dir}; Ctrl+C stops it`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void broker.stop().finally(() => process.exit(0));
    });
  }
}

await main();
