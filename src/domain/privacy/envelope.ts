import type { KeyObject } from 'node:crypto';
import type { OpenContext } from './envelope-context.ts';
import { EnvelopeOpener, type OpenedValue } from './envelope-opener.ts';
import { EnvelopeSealer, type GivenRandomness, type SealContext } from './envelope-sealer.ts';
import { EnvelopeFrame, type EnvelopeHeader, parseEnvelope } from './envelope-text.ts';

export type { OpenContext } from './envelope-context.ts';
export type { SealContext } from './envelope-sealer.ts';
export type { EnvelopeHeader, EnvelopeSuite } from './envelope-text.ts';

/**
 * Encrypts a value into an envelope: padded base64 of
 * `{"crypto_id":suite,"sid":account,"kv":key version,"t":semantic type,"ct":base64url}`, see `EnvelopeFrame`. Null is not
 * encrypted; callers keep it.
 * @throws LinewardError VALUE_INVALID for a value that has no sealed form or is too long; SUITE_UNKNOWN.
 */
export function sealEnvelope(context: SealContext, value: unknown): string {
  return sealerOf(context).seal(value);
}

/**
 * What seals values of a context: the one that did so last where it is still there.
 * @throws LinewardError VALUE_INVALID for a context that cannot be; SUITE_UNKNOWN.
 */
export function sealerOf(context: SealContext): EnvelopeSealer {
  return sealers.of(context);
}

/** What opens envelopes of a context: the one that did so last where it is still there. */
export function openerOf(context: OpenContext): EnvelopeOpener {
  return openers.of(context);
}

/** {@link sealEnvelope} with given randomness. For known-answer tests alone: an IV used twice breaks the key. */
export function sealEnvelopeWith(randomness: GivenRandomness, context: SealContext, value: unknown): string {
  return new EnvelopeSealer(context).sealWith(randomness, value);
}

/**
 * Decrypts an envelope of the caller's account, subject scope and key version, of any suite and padded or not.
 * @throws LinewardError DECRYPT_FAILED without a reason when anything does not fit; SUITE_UNKNOWN for another suite.
 */
export function openEnvelope(context: OpenContext, text: string): unknown {
  return openerOf(context).open(text);
}

/** {@link openEnvelope}, and whether the value was padded. */
export function openEnvelopeForm(context: OpenContext, text: string): OpenedValue {
  return openerOf(context).openForm(text);
}

/**
 * The header of a well-formed envelope. Nothing in it is authenticated: use it to find the key version, and check the
 * account and subject scope against the caller's own.
 * @throws LinewardError DECRYPT_FAILED, SUITE_UNKNOWN.
 */
export function readEnvelopeHeader(text: string): EnvelopeHeader {
  return parseEnvelope(text).header;
}

/** Headers that are remembered of one batch. */
const headersMax = 64;

/**
 * Reads the headers of many envelopes: one that begins like one before it has the same header, as the same object. What
 * follows is not looked at; opening it is as strict as ever.
 */
export class EnvelopeHeaders {
  readonly #known: { readonly frame: EnvelopeFrame; readonly header: EnvelopeHeader }[] = [];

  /** @throws LinewardError as {@link readEnvelopeHeader} does for an envelope whose header is new. */
  read(text: string): EnvelopeHeader {
    const known = this.#known.find(({ frame }) => frame.begins(text));
    if (known !== undefined) return known.header;
    const header = readEnvelopeHeader(text);
    if (this.#known.length >= headersMax) this.#known.shift();
    this.#known.push({ frame: new EnvelopeFrame(header), header });
    return header;
  }
}

/** Sealers or openers of the contexts that were used last with a key; they live as long as its key object. */
class Recent<Context extends OpenContext, Made extends { fits(context: Context): boolean }> {
  static readonly #keptMax = 16;
  readonly #make: (context: Context) => Made;
  readonly #byKey = new WeakMap<KeyObject, readonly Made[]>();

  constructor(make: (context: Context) => Made) {
    this.#make = make;
  }

  of(context: Context): Made {
    const kept = this.#byKey.get(context.key) ?? [];
    for (const made of kept) if (made.fits(context)) return made;
    const made = this.#make(context);
    this.#byKey.set(context.key, [made, ...kept].slice(0, Recent.#keptMax));
    return made;
  }
}

const sealers = new Recent((context: SealContext) => new EnvelopeSealer(context));
const openers = new Recent((context: OpenContext) => new EnvelopeOpener(context));
