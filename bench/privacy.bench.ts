import { createSecretKey, randomBytes } from 'node:crypto';
import {
  AlgorithmSuiteIdentifier,
  buildClient,
  CommitmentPolicy,
  getLocalCryptographicMaterialsCache,
  NodeCachingMaterialsManager,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
} from '@aws-crypto/client-node';
import { type EnvelopeSuite, openEnvelope, type SealContext, sealEnvelope } from '../src/domain/privacy/envelope.ts';
import { EnvelopeOpener } from '../src/domain/privacy/envelope-opener.ts';
import { EnvelopeSealer } from '../src/domain/privacy/envelope-sealer.ts';
import { type Bench, type BenchCase, beside } from './harness.ts';
import { redactionCases } from './privacy-redaction.ts';
import { serviceCases } from './privacy-service.ts';
import { ratesOf, rawCipher } from './rates.ts';

const sizes = [32, 256] as const;
const suites = [1, 2, 3] as const;
const key = createSecretKey(randomBytes(32));
const { rawSeal, rawOpen } = rawCipher(key);
const accountId = 'AC00112233445566778899aabbccddeeff';
const contextOf = (suite: EnvelopeSuite): SealContext => ({
  suite,
  accountId,
  keyVersion: 1,
  semanticType: 'phonenumber',
  key,
});

async function run(): Promise<readonly BenchCase[]> {
  const cases: BenchCase[] = [];
  for (const size of sizes) cases.push(...(await envelopes(size)));
  return [...cases, ...(await besideEncryptionSdk(256)), ...(await redactionCases()), ...(await serviceCases())];
}

/** Sealing and opening a text of `size` bytes beside AES-256-GCM by node:crypto and base64 alone. */
async function envelopes(size: number): Promise<readonly BenchCase[]> {
  const text = 'a'.repeat(size);
  const sealed = rawSeal(text);
  const works: Record<string, () => unknown> = { 'raw seal': () => rawSeal(text), 'raw open': () => rawOpen(sealed) };
  for (const suite of suites) {
    const context = contextOf(suite);
    const [sealer, opener] = [new EnvelopeSealer(context), new EnvelopeOpener(context)];
    const envelope = sealer.seal(text);
    works[`seal ${suite}`] = () => sealer.seal(text);
    works[`open ${suite}`] = () => opener.open(envelope);
  }
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

/** Suite 1 and 2 beside the AWS Encryption SDK with its cache of data keys and a suite that commits without signing. */
async function besideEncryptionSdk(size: number): Promise<readonly BenchCase[]> {
  const text = 'a'.repeat(size);
  const sdk = encryptionSdk();
  const message = await sdk.seal(text);
  const works: Record<string, () => unknown> = {
    'SDK seal': () => sdk.seal(text),
    'SDK open': () => sdk.open(message),
  };
  for (const suite of [1, 2] as const) {
    const context = contextOf(suite);
    const [sealer, opener] = [new EnvelopeSealer(context), new EnvelopeOpener(context)];
    const envelope = sealer.seal(text);
    works[`seal ${suite}`] = () => sealer.seal(text);
    works[`open ${suite}`] = () => opener.open(envelope);
  }
  const rates = await ratesOf(works);
  return ['seal', 'open'].flatMap((verb) =>
    ([1, 2] as const).map((suite) =>
      beside(`${verb} ${size} B, suite ${suite} and the SDK`, rates(`${verb} ${suite}`), '/s', {
        name: `AWS Encryption SDK, ${verb}`,
        value: rates(`SDK ${verb}`),
      }),
    ),
  );
}

interface TextCipher {
  seal(text: string): Promise<string>;
  open(message: string): Promise<string>;
}

function encryptionSdk(): TextCipher {
  const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
  const backingMaterials = new RawAesKeyringNode({
    ...{ keyName: 'bench', keyNamespace: 'lineward', unencryptedMasterKey: randomBytes(32) },
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
  });
  const materials = new NodeCachingMaterialsManager({
    ...{ backingMaterials, cache: getLocalCryptographicMaterialsCache(1_000), maxAge: 3_600_000 },
    maxMessagesEncrypted: 2 ** 32,
  });
  const suiteId = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY;
  return {
    async seal(text) {
      const { result } = await encrypt(materials, text, { suiteId, plaintextLength: text.length });
      return result.toString('base64');
    },
    async open(message) {
      const { plaintext } = await decrypt(materials, Buffer.from(message, 'base64'));
      return plaintext.toString('utf8');
    },
  };
}

export const bench: Bench = {
  name: 'privacy',
  about: 'Sealing, opening and redacting, beside raw AES-256-GCM, the AWS Encryption SDK, JSON and loops that copy.',
  run,
};
