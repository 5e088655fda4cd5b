import { createSecretKey, type KeyObject } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { openerOf, sealerOf } from '../src/domain/privacy/envelope.ts';

export interface WorkerCall {
  readonly verb: 'seal' | 'open';
  readonly texts: readonly string[];
}

/** What a worker of a pool would do with its part of a batch. */
export function worked(key: KeyObject, { verb, texts }: WorkerCall): readonly string[] {
  const context = { accountId: 'AC00112233445566778899aabbccddeeff', keyVersion: 1, key } as const;
  if (verb === 'open') return texts.map((text) => String(openerOf(context).open(text)));
  const sealer = sealerOf({ ...context, suite: 1, semanticType: 'phonenumber' });
  return texts.map((text) => sealer.seal(text));
}

if (parentPort !== null) {
  const port = parentPort;
  const key = createSecretKey(Buffer.from(workerData as Uint8Array));
  port.on('message', (call: WorkerCall) => port.postMessage(worked(key, call)));
}
