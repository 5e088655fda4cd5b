import { LinewardError } from '../../errors/lineward-error.ts';
import { RandomIvPool, sealGcm } from './aes-gcm.ts';
import type { AesSiv } from './aes-siv.ts';
import { type CommittedKey, deriveCommittedKey, nextCommittedKey, sealCommitted } from './commit-suite.ts';
import { assertOpenContext, associatedData, type OpenContext } from './envelope-context.ts';
import { EnvelopeFrame, type EnvelopeSuite, envelopeLengthMax, isEnvelopeSuite } from './envelope-text.ts';
import { pad } from './sealed-padding.ts';
import { sealedForm } from './sealed-value.ts';
import { ShortGcm } from './short-gcm.ts';
import { sivOf } from './siv-suite.ts';

export interface SealContext extends OpenContext {
  readonly suite: EnvelopeSuite;
  /** Canonical semantic type, or `""`. */
  readonly semanticType: string;
  /** Hides the length of the value but for its bucket; the opener needs not be told. */
  readonly padding?: boolean | undefined;
}

/** What is random in an envelope, given: suite 1 takes the IV (12 bytes), suite 2 the salt (32) too, suite 3 nothing. */
export interface GivenRandomness {
  readonly iv?: Uint8Array;
  readonly salt?: Uint8Array;
}

const ivPool = new RandomIvPool();
const none = new Uint8Array(0);

/** Seals many values of one context: everything that is equal in their envelopes is computed once. */
export class EnvelopeSealer {
  readonly #context: SealContext;
  readonly #frame: EnvelopeFrame;
  readonly #aad: Buffer;
  readonly #short: ShortGcm;
  #siv: AesSiv | null = null;

  /** @throws LinewardError VALUE_INVALID for a context that cannot be; SUITE_UNKNOWN. */
  constructor(context: SealContext) {
    const { suite, accountId, subjectScope, keyVersion, semanticType } = context;
    if (!isEnvelopeSuite(suite)) throw new LinewardError('SUITE_UNKNOWN');
    assertOpenContext(context);
    if (!semanticType.isWellFormed()) throw new LinewardError('VALUE_INVALID', 'The semantic type is not well-formed.');
    // A copy: the caller may write on its own object.
    this.#context = { ...context };
    this.#frame = new EnvelopeFrame({
      ...{ suite, accountId, keyVersion, semanticType },
      ...(subjectScope === undefined ? {} : { subjectScope }),
    });
    this.#aad = associatedData(context, suite, semanticType);
    this.#short = new ShortGcm(context.key, this.#aad);
  }

  /** @throws LinewardError VALUE_INVALID for a value that has no sealed form or is too long. */
  seal(value: unknown): string {
    const { suite, key } = this.#context;
    const plaintext = this.#plaintext(value);
    if (suite === 1) {
      const short = typeof plaintext === 'string' ? this.#short.seal(plaintext) : null;
      return this.#text(short ?? sealGcm(key, ivPool.next(), plaintext, this.#aad));
    }
    if (suite === 2) return this.#text(this.#committed(nextCommittedKey(key), ivPool.next(), plaintext));
    return this.#text(this.#deterministic(plaintext));
  }

  /** {@link seal} with given randomness. For known-answer tests alone: an IV used twice breaks the key. */
  sealWith({ iv = none, salt = none }: GivenRandomness, value: unknown): string {
    const { suite, key } = this.#context;
    const plaintext = this.#plaintext(value);
    if (suite === 1) return this.#text(sealGcm(key, iv, plaintext, this.#aad));
    if (suite === 2) return this.#text(this.#committed(deriveCommittedKey(key, salt), iv, plaintext));
    return this.#text(this.#deterministic(plaintext));
  }

  /** True when a sealer of `context` would make the same envelopes as this one. */
  fits(context: SealContext): boolean {
    const own = this.#context;
    return (
      own.semanticType === context.semanticType &&
      own.suite === context.suite &&
      own.keyVersion === context.keyVersion &&
      own.accountId === context.accountId &&
      own.subjectScope === context.subjectScope &&
      (own.ctx ?? '') === (context.ctx ?? '') &&
      (own.padding ?? false) === (context.padding ?? false) &&
      own.key === context.key
    );
  }

  #committed(committed: CommittedKey, iv: Uint8Array, plaintext: Buffer | string): Buffer {
    return sealCommitted(committed, iv, plaintext, this.#aad);
  }

  #deterministic(plaintext: Buffer | string): Buffer {
    this.#siv ??= sivOf(this.#context.key, this.#aad);
    return this.#siv.seal(Buffer.from(plaintext));
  }

  #plaintext(value: unknown): Buffer | string {
    const plaintext = sealedForm(value);
    if (plaintext.length > envelopeLengthMax / 2) throw tooLong();
    return this.#context.padding === true ? pad(Buffer.from(plaintext)) : plaintext;
  }

  #text(ct: Buffer): string {
    const text = this.#frame.text(ct);
    if (text.length > envelopeLengthMax) throw tooLong();
    return text;
  }
}

function tooLong(): LinewardError {
  return new LinewardError('VALUE_INVALID', 'The value is too long; an envelope holds up to about 512 KiB.');
}
