import { openEnvelopeForm, readEnvelopeHeader } from '../../domain/privacy/envelope.ts';
import type { OpenedValue } from '../../domain/privacy/envelope-opener.ts';
import type { EnvelopeHeader } from '../../domain/privacy/envelope-text.ts';
import { isKeyFault } from '../../domain/privacy/key-fault.ts';
import { type AccountKey, type KeyVersionName, versionId } from '../../domain/privacy/key-holder.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import type { AccountKeyService } from './account-key.service.ts';

/** How the text of every envelope begins: base64 of `{"crypto_id":`. */
const beginning = 'eyJjcnlwdG9faWQiOj';

/** A string of JSON text that may be an envelope. Base64 needs no escapes, but some writers put one before each `/`. */
const candidates = new RegExp(String.raw`"${beginning}(?:[A-Za-z0-9+=]|\\?/)*"`, 'gu');

/** Envelopes within JSON texts, e.g. those of a batch of records, with the keys that open them. */
export class SealedValues {
  readonly #keys: ReadonlyMap<string, AccountKey | LinewardError>;
  readonly #headers: ReadonlyMap<string, EnvelopeHeader>;

  private constructor(
    keys: ReadonlyMap<string, AccountKey | LinewardError>,
    headers: ReadonlyMap<string, EnvelopeHeader>,
  ) {
    this.#keys = keys;
    this.#headers = headers;
  }

  /** Reads the keys of all envelopes in some texts at once. */
  static async in(keys: Pick<AccountKeyService, 'keyVersions'>, texts: Iterable<string>): Promise<SealedValues> {
    const headers = new Map<string, EnvelopeHeader>();
    for (const text of texts) {
      for (const [quoted] of text.matchAll(candidates)) {
        const envelope = envelopeIn(quoted);
        const header = headerOf(envelope);
        if (header !== null) headers.set(envelope, header);
      }
    }
    const names = new Map([...headers.values()].map((header) => [versionId(nameOf(header)), nameOf(header)]));
    return new SealedValues(names.size === 0 ? new Map() : await keys.keyVersions([...names.values()]), headers);
  }

  get envelopes(): ReadonlyMap<string, EnvelopeHeader> {
    return this.#headers;
  }

  /**
   * True for an envelope of this account: one that opens, or whose key was destroyed, so that nobody can tell.
   * @throws LinewardError KEY_UNAVAILABLE … while it cannot be told: an envelope must not be put into another one.
   */
  isSealed(accountId: string, text: string): boolean {
    const opened = this.open(accountId, text);
    if (opened instanceof LinewardError && isKeyFault(opened.code)) throw opened;
    return !(opened instanceof LinewardError) || opened.code === 'KEY_DESTROYED';
  }

  /** What is in an envelope of this account, or why it cannot be told: DECRYPT_FAILED for all that does not fit. */
  open(accountId: string, text: string): OpenedValue | LinewardError {
    const header = this.#headers.get(text);
    if (header === undefined || header.accountId !== accountId) return new LinewardError('DECRYPT_FAILED');
    const name = nameOf(header);
    const key = this.#keys.get(versionId(name)) ?? new LinewardError('DECRYPT_FAILED');
    if (key instanceof LinewardError) return key;
    const subject = name.scope === '' ? {} : { subjectScope: name.scope };
    try {
      return openEnvelopeForm({ accountId, ...subject, keyVersion: name.version, key: key.key }, text);
    } catch (error) {
      return toLinewardError(error);
    }
  }

  /** Whose envelopes they are, as far as there are keys of that name: a header alone is a claim of anybody. */
  holders(): readonly KeyVersionName[] {
    const names = [...this.#headers.values()].map(nameOf);
    return names.filter((name) => {
      const key = this.#keys.get(versionId(name));
      return key !== undefined && !(key instanceof LinewardError && key.code === 'DECRYPT_FAILED');
    });
  }

  /** A JSON text with each envelope replaced by what `replace` answers for it; null leaves it. */
  static replaceIn(text: string, replace: (envelope: string) => string | null): string {
    return text.replace(candidates, (quoted) => {
      const replaced = replace(envelopeIn(quoted));
      return replaced === null ? quoted : JSON.stringify(replaced);
    });
  }
}

/** True for a text that begins as envelopes do. */
export const looksSealed = (text: string): boolean => text.startsWith(beginning);

/** The holder's key version that a header names. */
export const nameOf = ({ accountId, subjectScope = '', keyVersion }: EnvelopeHeader): KeyVersionName => ({
  accountId,
  scope: subjectScope,
  version: keyVersion,
});

const envelopeIn = (quoted: string): string => quoted.slice(1, -1).replaceAll('\\/', '/');

function headerOf(envelope: string): EnvelopeHeader | null {
  try {
    return readEnvelopeHeader(envelope);
  } catch {
    return null;
  }
}
