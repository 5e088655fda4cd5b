import { z } from 'zod';
import type { KeyProvider } from '../../../services/privacy/ports.ts';
import { keyUnavailable } from '../key-errors.ts';
import { checkRoundTrip } from '../round-trip.ts';
import { holder, TransitClient, type TransitSettings } from './transit-client.ts';

export interface VaultSettings extends TransitSettings {
  /** Name of the transit key. */
  readonly key: string;
}

const wrappedAnswer = z.object({ data: z.object({ ciphertext: z.string().min(1) }) });
const unwrappedAnswer = z.object({ data: z.object({ plaintext: z.base64() }) });

/** Keys wrapped by the transit engine of Vault or OpenBao. A wrapped key is the text `vault:v<version>:<base64>`. */
export class VaultKeyProvider implements KeyProvider {
  readonly id: string;
  readonly #transit: TransitClient;
  readonly #key: string;

  constructor(settings: VaultSettings) {
    const { namespace, mount, key } = settings;
    this.id = `vault:${[namespace, mount, key].filter((part) => part !== null).join('/')}`;
    this.#transit = new TransitClient(settings);
    this.#key = key;
  }

  async wrap(key: Buffer): Promise<Buffer> {
    return wrappedOf(await this.#transit.call('encrypt', this.#key, { plaintext: key.toString('base64') }));
  }

  async unwrap(wrapped: Buffer): Promise<Buffer> {
    const answer = await this.#transit.call('decrypt', this.#key, { ciphertext: wrapped.toString() });
    const { data, success } = unwrappedAnswer.safeParse(answer);
    if (!success) throw keyUnavailable(holder, 'its answer is not whole');
    return Buffer.from(data.data.plaintext, 'base64');
  }

  async rewrap(wrapped: Buffer): Promise<Buffer> {
    return wrappedOf(await this.#transit.call('rewrap', this.#key, { ciphertext: wrapped.toString() }));
  }

  health(): Promise<void> {
    return checkRoundTrip(this, holder);
  }
}

function wrappedOf(answer: unknown): Buffer {
  const { data, success } = wrappedAnswer.safeParse(answer);
  if (!success) throw keyUnavailable(holder, 'its answer is not whole');
  return Buffer.from(data.data.ciphertext);
}
