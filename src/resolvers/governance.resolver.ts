import { Arg, Args, Ctx, Mutation, Query, Resolver } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import {
  LegalHoldConnection,
  LegalHoldFilter,
  LegalHoldPayload,
  LegalHoldType,
  PlaceLegalHoldInput,
  ReleaseLegalHoldInput,
} from '../schema/governance.type.ts';
import type { GovernanceReadModel } from '../services/governance/governance.read-model.ts';
import type { GovernanceService } from '../services/governance/governance.service.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';
import { placesFrom } from './place-scope.ts';

@Resolver(() => LegalHoldType)
export class GovernanceResolver {
  readonly #service: GovernanceService;
  readonly #readModel: GovernanceReadModel;

  constructor(deps: { readonly governanceService: GovernanceService; readonly governance: GovernanceReadModel }) {
    this.#service = deps.governanceService;
    this.#readModel = deps.governance;
  }

  @Query(() => LegalHoldConnection, { description: 'Legal holds, newest first.' })
  async legalHolds(
    @Ctx() { access, actor }: RequestContext,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Arg('filter', () => LegalHoldFilter, { nullable: true, description: 'Which holds.' }) filter?: LegalHoldFilter,
  ) {
    const isInitiated = access.may(actor, 'HOLD');
    return new LegalHoldConnection(await this.#readModel.legalHolds(page, filter ?? {}, isInitiated));
  }

  @Mutation(() => LegalHoldPayload, {
    description: 'Keeps data from every erasure, running ones included, until released.',
  })
  placeLegalHold(
    @Acting() actor: Actor,
    @Arg('input', () => PlaceLegalHoldInput, { description: 'The hold.' }) input: PlaceLegalHoldInput,
  ) {
    return mutationPayload(input, async () => ({
      legalHold: await this.#service.placeLegalHold(actor, {
        matterId: input.matterId,
        reason: input.reason,
        scope: { ...input.scope, ...placesFrom(input.scope) },
        confidential: input.confidential ?? false,
      }),
    }));
  }

  @Mutation(() => LegalHoldPayload, {
    description:
      'Ends one legal hold; others on the same data stay. Where two must agree (`HOLD_RELEASE_BY_TWO`), the first call asks and another actor’s ends it.',
  })
  releaseLegalHold(
    @Acting() actor: Actor,
    @Arg('input', () => ReleaseLegalHoldInput, { description: 'The hold.' }) input: ReleaseLegalHoldInput,
  ) {
    return mutationPayload(input, async () => ({
      legalHold: await this.#service.releaseLegalHold(actor, {
        id: localId('LegalHold', input.id),
        reason: input.reason,
      }),
    }));
  }
}
