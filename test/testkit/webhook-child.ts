/** A worker that is killed in the moment in which a receiver has taken a message, before that is written down. */
import { openDatabase } from '../../src/adapters/postgres/orm.ts';
import { webhookParts } from './webhooks.ts';

const { url, keyFile, id } = JSON.parse(process.argv[2] ?? '') as { url: string; keyFile: string; id: string };
const { em } = await openDatabase(url);
const { delivery } = await webhookParts({
  ...{ em, keyFile, leaseMs: 1_000 },
  around: (sender) => ({
    isPrivateAllowed: true,
    async send(request, signal) {
      await sender.send(request, signal);
      process.kill(process.pid, 'SIGKILL');
      return new Promise(() => {});
    },
  }),
});
await delivery.deliver(id, new AbortController().signal);
