import { createSecretKey, randomBytes } from 'node:crypto';
import { type EnvelopeSuite, openEnvelope, type SealContext, sealEnvelope } from '../src/domain/privacy/envelope.ts';
import { EnvelopeOpener } from '../src/domain/privacy/envelope-opener.ts';
import { EnvelopeSealer } from '../src/domain/privacy/envelope-sealer.ts';
import { type BenchCase, beside } from './harness.ts';
import { ratesOf, rawCipher } from './rates.ts';

const suites = [1, 2, 3] as const;
const key = createSecretKey(randomBytes(32));
const { rawSeal, rawOpen } = rawCipher(key);
const contextOf = (suite: EnvelopeSuite): SealContext => ({
  suite,
  accountId: 'AC00112233445566778899aabbccddeeff',
  keyVersion: 1,
  semanticType: 'phonenumber',
  key,
});

/** Sealing and opening a text of `size` bytes beside AES-256-GCM by node:crypto and base64 alone. */
export async function envelopeCases(size: number): Promise<readonly BenchCase[]> {
  const text = 'a'.repeat(size);
  const sealed = rawSeal(text);
  const works: Record<string, () => unknown> = { 'raw seal': () => rawSeal(text), 'raw open': () => rawOpen(sealed) };
  for (const suite of suites) Object.assign(works, suiteWorks(suite, text));
  const loose = sealEnvelope(contextOf(1), text);
  works['seal function'] = () => sealEnvelope(contextOf(1), text);
  works['open function'] = () => openEnvelope(contextOf(1), loose);
  const rates = await ratesOf(works);
  const against = (verb: string, name: string, label: string): BenchCase =>
    beside(`${verb} ${size} B, ${label}`, rates(name), '/s', {
      name: `raw GCM and base64, ${verb}`,
      value: rates(`raw ${verb}`),
    });
  return ['seal', 'open'].flatMap((verb) => [
    ...suites.map((suite) => against(verb, `${verb} ${suite}`, `suite ${suite}`)),
    against(verb, `${verb} function`, `suite 1, ${verb}Envelope`),
  ]);
}

/** Sealing and opening a text of one suite, each envelope by the sealer and opener of its context. */
export function suiteWorks(suite: EnvelopeSuite, text: string): Readonly<Record<string, () => unknown>> {
  const context = contextOf(suite);
  const [sealer, opener] = [new EnvelopeSealer(context), new EnvelopeOpener(context)];
  const envelope = sealer.seal(text);
  return { [`seal ${suite}`]: () => sealer.seal(text), [`open ${suite}`]: () => opener.open(envelope) };
}
