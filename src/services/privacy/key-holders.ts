import type { KeyHolder } from '../../domain/privacy/key-holder.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { TokenKeys } from './token-keys.ts';

/** An account, or a person in it by the value of a key field. */
export interface KeySelector {
  readonly accountId: string;
  readonly subject?: { readonly field: string; readonly value: string } | undefined;
}

/** Says whose key is meant: the account's, or that of a person by the keyed digest of its name. */
export class KeyHolders {
  readonly #tokens: TokenKeys;

  constructor(deps: { readonly tokenKeys: TokenKeys }) {
    this.#tokens = deps.tokenKeys;
  }

  /** @throws LinewardError VALUE_INVALID without an account: the keys of the installation itself are out of reach. */
  async holderOf({ accountId, subject }: KeySelector): Promise<KeyHolder> {
    if (accountId === '')
      throw new LinewardError('VALUE_INVALID', 'accountId: must not be empty', { path: ['accountId'] });
    if (subject === undefined) return { accountId, scope: '' };
    return { accountId, scope: (await this.#tokens.subjectScope())({ accountId, ...subject }) };
  }
}
