import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { join } from 'node:path';
import { canonicalJson } from '../../../domain/canonical-json.ts';
import type { Notary } from '../../../services/operations/ports.ts';
import { readOrCreateSecret } from './secret-file.ts';

/** The notary's keys as files in a directory: `certificate.key` (Ed25519, PKCS8 PEM) and `digest.key` (32 random bytes). */
export class LocalNotary implements Notary {
  readonly publicKey: string;
  readonly #signing: KeyObject;
  readonly #digestKey: Buffer;

  private constructor(signing: KeyObject, digestKey: Buffer) {
    this.#signing = signing;
    this.publicKey = createPublicKey(signing).export({ format: 'der', type: 'spki' }).toString('base64');
    this.#digestKey = digestKey;
  }

  /** Reads the keys, or makes them on first use. */
  static async open(directory: string): Promise<LocalNotary> {
    const newSigningKey = (): Buffer =>
      Buffer.from(generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const signing = await readOrCreateSecret(join(directory, 'certificate.key'), newSigningKey);
    const digestKey = await readOrCreateSecret(join(directory, 'digest.key'), () => randomBytes(32));
    return new LocalNotary(createPrivateKey(signing), digestKey);
  }

  sign(text: string): { signature: string; publicKey: string } {
    return { signature: sign(null, Buffer.from(text), this.#signing).toString('base64'), publicKey: this.publicKey };
  }

  digest(value: unknown): string {
    return createHmac('sha256', this.#digestKey).update(canonicalJson(value)).digest('hex');
  }
}
