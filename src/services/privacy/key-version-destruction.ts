import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { AccountKeySchema } from '../../entities/account-key.entity.ts';
import type { Operation } from '../../entities/operation.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { OperationRequestService, RequestOperation } from '../operations/operation-request.service.ts';
import type { KeyHolders, KeySelector } from './key-holders.ts';
import type { KeyVersionUse } from './key-version-use.ts';

export interface DestroyKeyVersion extends KeySelector, Pick<RequestOperation, 'reason' | 'dryRun' | 'idempotencyKey'> {
  readonly keyVersion: number;
}

/** Asks for a version of a key to be destroyed that nothing is known to need any more (ADR 0018). */
export class KeyVersionDestruction {
  readonly #em: EntityManager;
  readonly #holders: KeyHolders;
  readonly #use: KeyVersionUse;
  readonly #requests: Pick<OperationRequestService, 'requestShred'>;

  constructor(deps: {
    readonly em: EntityManager;
    readonly holders: KeyHolders;
    readonly keyVersionUse: KeyVersionUse;
    readonly requests: Pick<OperationRequestService, 'requestShred'>;
  }) {
    this.#em = deps.em;
    this.#holders = deps.holders;
    this.#use = deps.keyVersionUse;
    this.#requests = deps.requests;
  }

  /** @throws LinewardError NOT_FOUND, KEY_DESTROYED, KEY_IN_USE, VALUE_INVALID, BAD_INPUT, IDEMPOTENCY_MISMATCH */
  async destroyKeyVersion(actor: Actor, input: DestroyKeyVersion): Promise<Operation> {
    const { accountId, subject, keyVersion, ...request } = input;
    return this.#requests.requestShred(actor, {
      ...request,
      subjects: [{ accountId, subject, keyVersion }],
      assertMayBegin: () => this.#assertMayGo(input),
    });
  }

  async #assertMayGo({ keyVersion, ...selector }: DestroyKeyVersion): Promise<void> {
    const path = ['keyVersion'];
    const { accountId, scope } = await this.#holders.holderOf(selector);
    const key = await this.#em.fork().findOne(AccountKeySchema, { accountId, scope, version: keyVersion });
    if (key === null)
      throw new LinewardError('NOT_FOUND', `keyVersion: the key has no version ${keyVersion}`, { path });
    if (key.state === 'DESTROYED') throw new LinewardError('KEY_DESTROYED', undefined, { path });
    await this.#use.assertUnneeded(key);
  }
}
