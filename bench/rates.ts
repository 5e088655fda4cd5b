import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import { RandomIvPool } from '../src/domain/privacy/aes-gcm.ts';
import { measureInTurns } from './harness.ts';

/** Operations per timed run: one is too short for the clock. */
const batch = 100;
// Short turns and many of them: a machine that is busy for a second then slows one turn of each and not all of one.
const rounds = 25;
const secondsPerTurn = 0.08;

/** Operations a second of each work, measured turn by turn. */
export async function ratesOf(works: Readonly<Record<string, () => unknown>>): Promise<(name: string) => number> {
  const batches = Object.entries(works).map(([name, work]) => [name, batched(work)] as const);
  const rates = await measureInTurns(Object.fromEntries(batches), rounds, secondsPerTurn);
  return (name) => (rates[name] ?? Number.NaN) * batch;
}

function batched(work: () => unknown): () => Promise<void> {
  return async () => {
    for (let index = 0; index < batch; index += 1) {
      const answer = work();
      if (answer instanceof Promise) await answer;
    }
  };
}

/** AES-256-GCM by node:crypto and base64 alone: the reference of everything that encrypts. */
export function rawCipher(key: KeyObject) {
  const ivs = new RandomIvPool();
  return {
    rawSeal(text: string): string {
      const iv = ivs.next();
      const cipher = createCipheriv('aes-256-gcm', key, iv);
      const sealed = cipher.update(text, 'utf8');
      return Buffer.concat([iv, sealed, cipher.final(), cipher.getAuthTag()]).toString('base64');
    },
    rawOpen(sealed: string): string {
      const bytes = Buffer.from(sealed, 'base64');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 });
      decipher.setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8');
    },
  };
}
