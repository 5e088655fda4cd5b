import type { KeyObject } from 'node:crypto';
import { installation, type SubjectName, subjectScope } from '../../domain/privacy/key-holder.ts';
import type { Tokenize } from '../../domain/privacy/redaction-rule.ts';
import { tokenizeUnder } from '../../domain/privacy/token.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccountKeyService } from './account-key.service.ts';

/**
 * The key of this installation for tokens and for scopes of persons. It is wrapped like every other key and never rotated:
 * a new one would make new tokens of old values, and persons whose keys nobody finds.
 */
export class TokenKeys {
  readonly #keys: AccountKeyService;
  #key: Promise<KeyObject> | null = null;

  constructor(deps: { readonly keys: AccountKeyService }) {
    this.#keys = deps.keys;
  }

  async tokenize(): Promise<Tokenize> {
    return tokenizeUnder(await this.#token());
  }

  /** Names the scope of a person's key. */
  async subjectScope(): Promise<(subject: SubjectName) => string> {
    const key = await this.#token();
    return (subject) => subjectScope(key, subject);
  }

  #token(): Promise<KeyObject> {
    this.#key ??= this.#first();
    this.#key.catch(() => {
      this.#key = null;
    });
    return this.#key;
  }

  /** Version 1, whatever came after it; made when there is none. A provider that does not answer makes no other key. */
  async #first(): Promise<KeyObject> {
    const name = { ...installation, version: 1 };
    try {
      return (await this.#keys.keyVersion(name)).key;
    } catch (error) {
      if (!(error instanceof LinewardError) || error.code !== 'DECRYPT_FAILED') throw error;
      await this.#keys.activeKey(installation);
      return (await this.#keys.keyVersion(name)).key;
    }
  }
}
