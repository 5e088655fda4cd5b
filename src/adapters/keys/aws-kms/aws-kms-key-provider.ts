import {
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  IncorrectKeyException,
  InvalidCiphertextException,
  KMSClient,
  ReEncryptCommand,
} from '@aws-sdk/client-kms';
import type { LinewardError } from '../../../errors/lineward-error.ts';
import type { KeyProvider } from '../../../services/privacy/ports.ts';
import { keyMismatch, keyUnavailable } from '../key-errors.ts';
import { checkRoundTrip } from '../round-trip.ts';

export interface AwsKmsSettings {
  /** Id, ARN, alias or ARN of an alias. */
  readonly key: string;
  readonly endpoint: string | null;
  /** Longest time for one call, its repetitions included. */
  readonly timeoutMs: number;
}

const holder = 'AWS KMS';
const attemptsMax = 3;
const wrappedBytesMax = 6_144;
/** Bound into every wrapped key; a key policy can demand it. No account in it: it shows in the trail of every call. */
const context = { application: 'lineward', purpose: 'account-key' };

/**
 * Keys wrapped by a symmetric key of AWS KMS. Credentials come by the SDK's default chain. Every call names the key, since
 * KMS would else decrypt with any key that the ciphertext names and our role may use.
 */
export class AwsKmsKeyProvider implements KeyProvider {
  readonly id: string;
  readonly #client: KMSClient;
  readonly #key: string;
  readonly #timeoutMs: number;

  private constructor(client: KMSClient, key: string, timeoutMs: number) {
    this.id = `aws-kms:${key.slice(key.lastIndexOf('/') + 1)}`;
    this.#client = client;
    this.#key = key;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Looks an alias up, because it may name another key tomorrow; else asks nothing of KMS yet.
   * @throws LinewardError KEY_UNAVAILABLE when an alias cannot be looked up.
   */
  static async open({ key, endpoint, timeoutMs }: AwsKmsSettings): Promise<AwsKmsKeyProvider> {
    const client = clientOf(key, endpoint, timeoutMs);
    if (!key.startsWith('alias/') && !key.includes(':alias/')) return new AwsKmsKeyProvider(client, key, timeoutMs);
    const { KeyMetadata } = await within(timeoutMs, (abortSignal) =>
      client.send(new DescribeKeyCommand({ KeyId: key }), { abortSignal }),
    );
    return new AwsKmsKeyProvider(client, answered(KeyMetadata?.Arn), timeoutMs);
  }

  async wrap(key: Buffer): Promise<Buffer> {
    const command = new EncryptCommand({ KeyId: this.#key, Plaintext: key, EncryptionContext: context });
    const { CiphertextBlob } = await this.#within((abortSignal) => this.#client.send(command, { abortSignal }));
    return Buffer.from(answered(CiphertextBlob));
  }

  async unwrap(wrapped: Buffer): Promise<Buffer> {
    assertPlausible(wrapped);
    const command = new DecryptCommand({ KeyId: this.#key, CiphertextBlob: wrapped, EncryptionContext: context });
    const { Plaintext } = await this.#within((abortSignal) => this.#client.send(command, { abortSignal }));
    const { buffer, byteOffset, byteLength } = answered(Plaintext);
    return Buffer.from(buffer, byteOffset, byteLength);
  }

  async rewrap(wrapped: Buffer): Promise<Buffer> {
    assertPlausible(wrapped);
    const command = new ReEncryptCommand({
      CiphertextBlob: wrapped,
      SourceKeyId: this.#key,
      SourceEncryptionContext: context,
      DestinationKeyId: this.#key,
      DestinationEncryptionContext: context,
    });
    const { CiphertextBlob } = await this.#within((abortSignal) => this.#client.send(command, { abortSignal }));
    return Buffer.from(answered(CiphertextBlob));
  }

  health(): Promise<void> {
    return checkRoundTrip(this, holder);
  }

  #within<Answer>(send: (abortSignal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    return within(this.#timeoutMs, send);
  }
}

function clientOf(key: string, endpoint: string | null, timeoutMs: number): KMSClient {
  const region = key.startsWith('arn:') ? key.split(':')[3] : undefined;
  return new KMSClient({
    maxAttempts: attemptsMax,
    // One attempt may take half of the time, so that another can follow one that hangs.
    requestHandler: { connectionTimeout: timeoutMs / 2, requestTimeout: timeoutMs / 2, throwOnRequestTimeout: true },
    ...(region === undefined ? {} : { region }),
    ...(endpoint === null ? {} : { endpoint }),
  });
}

/** The answer of KMS, or our error. The race also ends a search for credentials, which no signal does. */
async function within<Answer>(timeoutMs: number, send: (abortSignal: AbortSignal) => Promise<Answer>): Promise<Answer> {
  const timeout = new AbortController();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    timeout.abort();
    reject(keyUnavailable(holder, `no answer within ${timeoutMs} ms`));
  }, timeoutMs);
  try {
    return await Promise.race([send(timeout.signal).catch((error: unknown) => Promise.reject(ourError(error))), late]);
  } finally {
    clearTimeout(timer);
  }
}

function ourError(error: unknown): LinewardError {
  if (error instanceof InvalidCiphertextException || error instanceof IncorrectKeyException) return keyMismatch(holder);
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  return keyUnavailable(holder, typeof code === 'string' ? code : String(name));
}

function answered<Value>(value: Value | undefined): Value {
  if (value === undefined) throw keyUnavailable(holder, 'its answer is not whole');
  return value;
}

/** KMS answers a length that it cannot have made like any other bad input. */
function assertPlausible(wrapped: Buffer): void {
  if (wrapped.length === 0 || wrapped.length > wrappedBytesMax) throw keyMismatch(holder);
}
