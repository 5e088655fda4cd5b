import { Arg, Args, Mutation, Query, Resolver } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { OperationPayload } from '../schema/operation.input.ts';
import {
  AccountKeyConnection,
  AccountKeyType,
  DestroyKeyVersionInput,
  RewrapAccountKeysInput,
  RewrapAccountKeysPayload,
  RotateAccountKeyInput,
  RotateAccountKeyPayload,
} from '../schema/privacy-keys.type.ts';
import type { AccountKeyReadModel } from '../services/privacy/account-key.read-model.ts';
import type { KeyLifecycleService } from '../services/privacy/key-lifecycle.service.ts';
import type { KeyVersionDestruction } from '../services/privacy/key-version-destruction.ts';
import { Acting } from './acting.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver(() => AccountKeyType)
export class PrivacyKeysResolver {
  readonly #service: KeyLifecycleService;
  readonly #readModel: AccountKeyReadModel;

  readonly #destruction: KeyVersionDestruction;

  constructor(deps: {
    readonly keyLifecycle: KeyLifecycleService;
    readonly accountKeys: AccountKeyReadModel;
    readonly keyVersionDestruction: KeyVersionDestruction;
  }) {
    this.#service = deps.keyLifecycle;
    this.#destruction = deps.keyVersionDestruction;
    this.#readModel = deps.accountKeys;
  }

  @Query(() => AccountKeyConnection, {
    description: 'Versions of the keys of an account and of persons in it, the account’s own first, newest first.',
  })
  async accountKeys(
    @Arg('accountId', () => String, { description: 'The account.' }) accountId: string,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
  ) {
    return new AccountKeyConnection(await this.#readModel.accountKeys(accountId, page));
  }

  @Mutation(() => RotateAccountKeyPayload, {
    description: 'Makes a new version of a key. What older versions encrypted stays readable.',
  })
  rotateAccountKey(
    @Acting() actor: Actor,
    @Arg('input', () => RotateAccountKeyInput, { description: 'The key.' }) input: RotateAccountKeyInput,
  ) {
    return mutationPayload(input, async () => ({
      accountKey: await this.#service.rotateAccountKey(actor, input, input.activateAt),
    }));
  }

  @Mutation(() => OperationPayload, {
    description:
      'Asks for a RETIRED version of a key to be destroyed, once a REWRAP of all places has proven that they hold no envelope under it; the refusal names the places that may. It is a SHRED that waits for approval. The holder keeps the other versions.',
  })
  destroyKeyVersion(
    @Acting() actor: Actor,
    @Arg('input', () => DestroyKeyVersionInput, { description: 'The version.' }) input: DestroyKeyVersionInput,
  ) {
    return mutationPayload(input, async () => ({
      operation: await this.#destruction.destroyKeyVersion(actor, input),
    }));
  }

  @Mutation(() => RewrapAccountKeysPayload, {
    description:
      'Wraps keys anew under the newest wrapping key, for instance after a change of provider. No value changes.',
  })
  rewrapAccountKeys(
    @Acting() actor: Actor,
    @Arg('input', () => RewrapAccountKeysInput, { description: 'Which keys.' }) input: RewrapAccountKeysInput,
  ) {
    return mutationPayload(input, () => this.#service.rewrapAccountKeys(actor, input));
  }
}
