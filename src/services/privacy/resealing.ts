import type { EnvelopeHeader } from '../../domain/privacy/envelope-text.ts';
import { type AccountKey, holderId } from '../../domain/privacy/key-holder.ts';
import { sealUnderKey } from '../../domain/privacy/seal-under-key.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccountKeyService } from './account-key.service.ts';
import { nameOf, SealedValues } from './sealed-values.ts';

/** The envelopes in some JSON texts, to be opened and sealed anew under the key versions in force. */
export class Resealing {
  readonly #keys: AccountKeyService;
  readonly #sealed: SealedValues;
  readonly #active: ReadonlyMap<string, AccountKey | LinewardError>;

  private constructor(
    keys: AccountKeyService,
    sealed: SealedValues,
    active: ReadonlyMap<string, AccountKey | LinewardError>,
  ) {
    this.#keys = keys;
    this.#sealed = sealed;
    this.#active = active;
  }

  static async in(keys: AccountKeyService, texts: Iterable<string>): Promise<Resealing> {
    const sealed = await SealedValues.in(keys, texts);
    const holders = sealed.holders();
    return new Resealing(keys, sealed, holders.length === 0 ? new Map() : await keys.activeKeys(holders));
  }

  get isEmpty(): boolean {
    return this.#sealed.envelopes.size === 0;
  }

  headerOf(envelope: string): EnvelopeHeader | null {
    return this.#sealed.envelopes.get(envelope) ?? null;
  }

  /** The new envelope; null for one that is under the version in force, and for one that nobody can open any more. */
  reseal(accountId: string, envelope: string): string | LinewardError | null {
    const [header, key] = this.#outdated(envelope) ?? [];
    if (header === undefined || key === undefined) return null;
    if (key instanceof LinewardError) return key;
    const opened = this.#sealed.open(accountId, envelope);
    if (opened instanceof LinewardError) return opened.code === 'KEY_DESTROYED' ? null : opened;
    this.#keys.charge(key, 1);
    const { suite, semanticType } = header;
    return sealUnderKey(key, opened.value, { suite, semanticType, padding: opened.padding });
  }

  /** True for an envelope that `reseal` would replace, or could not. */
  isOutdated(accountId: string, envelope: string): boolean {
    if (this.#outdated(envelope) === null) return false;
    const opened = this.#sealed.open(accountId, envelope);
    return !(opened instanceof LinewardError) || opened.code !== 'KEY_DESTROYED';
  }

  #outdated(envelope: string): readonly [EnvelopeHeader, AccountKey | LinewardError] | null {
    const header = this.#sealed.envelopes.get(envelope);
    const key = header === undefined ? undefined : this.#active.get(holderId(nameOf(header)));
    if (header === undefined || key === undefined) return null;
    if (key instanceof LinewardError) return key.code === 'KEY_DESTROYED' ? null : [header, key];
    return header.keyVersion >= key.version ? null : [header, key];
  }
}
