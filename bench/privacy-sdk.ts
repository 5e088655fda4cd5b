import { randomBytes } from 'node:crypto';
import {
  AlgorithmSuiteIdentifier,
  buildClient,
  CommitmentPolicy,
  getLocalCryptographicMaterialsCache,
  NodeCachingMaterialsManager,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
} from '@aws-crypto/client-node';
import { type BenchCase, beside } from './harness.ts';
import { suiteWorks } from './privacy-envelopes.ts';
import { ratesOf } from './rates.ts';

const suites = [1, 2] as const;

/** Suite 1 and 2 beside the AWS Encryption SDK with its cache of data keys and a suite that commits without signing. */
export async function encryptionSdkCases(size: number): Promise<readonly BenchCase[]> {
  const text = 'a'.repeat(size);
  const sdk = encryptionSdk();
  const message = await sdk.seal(text);
  const works: Record<string, () => unknown> = {
    'SDK seal': () => sdk.seal(text),
    'SDK open': () => sdk.open(message),
  };
  for (const suite of suites) Object.assign(works, suiteWorks(suite, text));
  const rates = await ratesOf(works);
  return ['seal', 'open'].flatMap((verb) =>
    suites.map((suite) =>
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
