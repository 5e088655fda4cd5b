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
// On a busy machine its lease can be over before it sent anything.
for (let turn = 0; turn < 20; turn += 1) await delivery.deliver(id, new AbortController().signal);
// Open connections would keep us alive, and the test waiting.
process.exit(1);
