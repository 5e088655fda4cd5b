import { Arg, Args, Mutation, Query, Resolver } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import {
  AccountKeyConnection,
  AccountKeyType,
  RewrapAccountKeysInput,
  RewrapAccountKeysPayload,
  RotateAccountKeyInput,
  RotateAccountKeyPayload,
} from '../schema/privacy-keys.type.ts';
import type { AccountKeyReadModel } from '../services/privacy/account-key.read-model.ts';
import type { KeyLifecycleService } from '../services/privacy/key-lifecycle.service.ts';
import { Acting } from './acting.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver(() => AccountKeyType)
export class PrivacyKeysResolver {
  readonly #service: KeyLifecycleService;
  readonly #readModel: AccountKeyReadModel;

  constructor(deps: { readonly keyLifecycle: KeyLifecycleService; readonly accountKeys: AccountKeyReadModel }) {
    this.#service = deps.keyLifecycle;
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
