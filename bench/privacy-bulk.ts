import { createSecretKey, randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { actor, openItems, sealItems, withCrypto } from './crypto-parts.ts';
import { type BenchCase, beside, measureInTurns } from './harness.ts';
import { rawCipher } from './rates.ts';

const bulk = 10_000;
const valuesPerTurn = 500;
const rounds = 7;
const secondsPerTurn = 0.5;
const { rawSeal, rawOpen } = rawCipher(createSecretKey(randomBytes(32)));

/** Encrypting and decrypting calls of 10,000 texts of `size` bytes through the service, beside the cipher alone. */
export function bulkCases(size: number): Promise<readonly BenchCase[]> {
  return withCrypto(async (crypto) => {
    const texts = Array.from({ length: bulk }, (_, index) => String(index).padEnd(size, 'a'));
    const items = sealItems(texts);
    const envelopes = openItems(await crypto.seal(actor, items));
    const sealed = texts.map(rawSeal);
    const rates = await measureInTurns(
      {
        rawSeal: () => inTurns(texts, rawSeal),
        seal: () => crypto.seal(actor, items),
        rawOpen: () => inTurns(sealed, rawOpen),
        open: () => crypto.open(actor, envelopes, 'bench'),
      },
      rounds,
      secondsPerTurn,
    );
    const against = (verb: 'seal' | 'open', value: number, reference: number): BenchCase =>
      beside(`${verb} ${size} B, ${bulk} a call through CryptoService`, value * bulk, '/s', {
        name: `raw GCM and base64 in the same turns, ${verb}`,
        value: reference * bulk,
      });
    return [against('seal', rates.seal, rates.rawSeal), against('open', rates.open, rates.rawOpen)];
  });
}

/** The event loop gets its turn as often as the service gives it one: only then what a work has left behind is freed in its own time. */
async function inTurns(texts: readonly string[], work: (text: string) => string): Promise<readonly string[]> {
  const answers: string[] = [];
  for (const [index, text] of texts.entries()) {
    if (index > 0 && index % valuesPerTurn === 0) await setImmediate();
    answers.push(work(text));
  }
  return answers;
}
