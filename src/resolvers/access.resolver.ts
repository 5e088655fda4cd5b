import { Arg, Args, Ctx, Mutation, Query, Resolver } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { type Action, actions } from '../domain/access/role.ts';
import { localId } from '../domain/global-id.ts';
import {
  ActorType,
  ApiTokenConnection,
  ApiTokenPayload,
  CreateApiTokenInput,
  RevokeApiTokenInput,
} from '../schema/access.type.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import type { ApiTokenReadModel } from '../services/access/api-token.read-model.ts';
import type { ApiTokenService } from '../services/access/api-token.service.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver()
export class AccessResolver {
  readonly #readModel: ApiTokenReadModel;
  readonly #service: ApiTokenService;

  constructor(deps: { readonly apiTokens: ApiTokenReadModel; readonly apiTokenService: ApiTokenService }) {
    this.#readModel = deps.apiTokens;
    this.#service = deps.apiTokenService;
  }

  @Query(() => ActorType, { description: 'Who asks, and what that actor may do.' })
  me(@Ctx() { actor, access }: RequestContext): ActorType {
    const permissions = (Object.keys(actions) as Action[]).filter((action) => access.may(actor, action));
    return { actorId: actor.id, roles: actor.roles, permissions };
  }

  @Query(() => ApiTokenConnection, { description: 'Tokens of people and programs, newest first.' })
  async apiTokens(@Args(() => ConnectionArgs) page: ConnectionArgs) {
    return new ApiTokenConnection(await this.#readModel.apiTokens(page));
  }

  @Mutation(() => ApiTokenPayload, {
    description: 'Makes a token for a person or program. Who may grant may grant every role; it is in the audit log.',
  })
  createApiToken(
    @Acting() actor: Actor,
    @Arg('input', () => CreateApiTokenInput, { description: 'The token.' }) input: CreateApiTokenInput,
  ) {
    return mutationPayload(input, async () => {
      const { name, roles, expiresAt = null } = input;
      const { token, secret } = await this.#service.createApiToken(actor, { name, roles, expiresAt });
      return { apiToken: token, secret };
    });
  }

  @Mutation(() => ApiTokenPayload, { description: 'Ends a token at once, in all processes.' })
  revokeApiToken(
    @Acting() actor: Actor,
    @Arg('input', () => RevokeApiTokenInput, { description: 'Which one.' }) input: RevokeApiTokenInput,
  ) {
    return mutationPayload(input, async () => ({
      apiToken: await this.#service.revokeApiToken(actor, localId('ApiToken', input.id)),
    }));
  }
}
