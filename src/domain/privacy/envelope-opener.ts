import { openGcm } from './aes-gcm.ts';
import type { AesSiv } from './aes-siv.ts';
import { openCommitted } from './commit-suite.ts';
import { assertOpenContext, associatedData, decryptFailed, type OpenContext } from './envelope-context.ts';
import { type EnvelopeFrame, type EnvelopeHeader, envelopeLengthMax, parseEnvelope } from './envelope-text.ts';
import { unpad } from './sealed-padding.ts';
import { decodeSealedValue } from './sealed-value.ts';
import { sivOf } from './siv-suite.ts';

/** Headers that an opener knows by heart: pairs of suite and semantic type of its account and key version. */
const formsKeptMax = 16;

/** What was in an envelope, and how. */
export interface OpenedValue {
  readonly value: unknown;
  readonly padding: boolean;
}

/**
 * Opens many envelopes of one account, subject scope and key version. A header that was opened once is compared with the
 * beginning of the next text and not parsed again; what is accepted and what is answered is the same either way.
 */
export class EnvelopeOpener {
  readonly #context: OpenContext;
  #forms: readonly OpenForm[] = [];

  constructor(context: OpenContext) {
    // A copy: the caller may write on its own object.
    this.#context = { ...context };
  }

  /**
   * @throws LinewardError DECRYPT_FAILED without a reason when anything does not fit; SUITE_UNKNOWN for a suite that this
   * build does not know.
   */
  open(text: string): unknown {
    return this.openForm(text).value;
  }

  /** {@link open}, and whether the value was padded. */
  openForm(text: string): OpenedValue {
    if (typeof text !== 'string' || text.length > envelopeLengthMax) throw decryptFailed();
    for (const form of this.#forms) {
      const ct = form.frame.ciphertextOf(text);
      if (ct !== null) return form.open(ct);
    }
    return this.#openNewForm(text);
  }

  /** True when an opener of `context` would answer as this one. */
  fits(context: OpenContext): boolean {
    const own = this.#context;
    return (
      own.keyVersion === context.keyVersion &&
      own.accountId === context.accountId &&
      own.subjectScope === context.subjectScope &&
      (own.ctx ?? '') === (context.ctx ?? '') &&
      own.key === context.key
    );
  }

  #openNewForm(text: string): OpenedValue {
    const { header, frame, ct } = parseEnvelope(text);
    const form = new OpenForm(this.#checked(header), header, frame);
    const opened = form.open(ct);
    // Kept only behind a checked tag: strangers' headers must not drive out the ones in use.
    this.#forms = [form, ...this.#forms].slice(0, formsKeptMax);
    return opened;
  }

  #checked(header: EnvelopeHeader): OpenContext {
    const { accountId, subjectScope, keyVersion } = this.#context;
    const own = header.accountId === accountId && header.keyVersion === keyVersion;
    if (!own || header.subjectScope !== subjectScope) throw decryptFailed();
    try {
      assertOpenContext(this.#context);
    } catch {
      throw decryptFailed();
    }
    return this.#context;
  }
}

/** One header as the caller's context allows it: how its texts begin, and the key and bytes that its tags answer for. */
class OpenForm {
  readonly frame: EnvelopeFrame;
  readonly #suite: EnvelopeHeader['suite'];
  readonly #key: OpenContext['key'];
  readonly #aad: Buffer;
  #siv: AesSiv | null = null;

  constructor(context: OpenContext, { suite, semanticType }: EnvelopeHeader, frame: EnvelopeFrame) {
    this.frame = frame;
    this.#suite = suite;
    this.#key = context.key;
    this.#aad = associatedData(context, suite, semanticType);
  }

  open(ct: Buffer): OpenedValue {
    try {
      const plaintext = this.#plaintext(ct);
      const bare = unpad(plaintext);
      return { value: decodeSealedValue(bare), padding: bare.length < plaintext.length };
    } catch {
      throw decryptFailed();
    }
  }

  #plaintext(ct: Buffer): Buffer {
    if (this.#suite === 1) return openGcm(this.#key, ct, this.#aad);
    if (this.#suite === 2) return openCommitted(this.#key, ct, this.#aad);
    this.#siv ??= sivOf(this.#key, this.#aad);
    return this.#siv.open(ct);
  }
}
