import { Arg, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { globalId, localId } from '../domain/global-id.ts';
import type { Claim } from '../domain/governance/decision.ts';
import type { Operation } from '../entities/operation.entity.ts';
import {
  DecisionItemInput,
  DecisionType,
  ErasureDeferralType,
  ReplayErasureLedgerInput,
  ReplayErasureLedgerPayload,
} from '../schema/decision.type.ts';
import { OperationType } from '../schema/operation.type.ts';
import { confidentialSource, type DecisionReadModel } from '../services/governance/decision.read-model.ts';
import type { ErasureLedger } from '../services/operations/erasure-ledger.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver()
export class DecisionResolver {
  readonly #decisions: DecisionReadModel;
  readonly #ledger: Pick<ErasureLedger, 'replay'>;

  constructor(deps: {
    readonly decisions: DecisionReadModel;
    readonly erasureLedger: ErasureLedger;
  }) {
    this.#decisions = deps.decisions;
    this.#ledger = deps.erasureLedger;
  }

  @Query(() => DecisionType, {
    description:
      'What becomes of a record and why, by the decision that every operation goes by: holds, minimums, erasures under way or deferred, rules of its place.',
  })
  async explainDecision(
    @Ctx() { access, actor }: RequestContext,
    @Arg('item', () => DecisionItemInput, { description: 'The record.' }) item: DecisionItemInput,
  ): Promise<DecisionType> {
    const { accountId, subject } = item;
    const isInitiated = access.may(actor, 'HOLD');
    const { winner, losers, ...decision } = await this.#decisions.explain({
      isInitiated,
      datasetId: localId('Dataset', item.datasetId, ['item', 'datasetId']),
      selector: { accountId, ...(subject == null ? {} : { subject: { ...subject } }) },
      date: item.date ?? null,
    });
    return {
      ...decision,
      winner: winner === null ? null : named(winner),
      losers: losers.map(({ claim, reason }) => ({ claim: named(claim), reason })),
    };
  }

  @Mutation(() => ReplayErasureLedgerPayload, {
    description:
      'Looks in all places for data of subjects that were erased before: restored, replayed or late. What is found is requested as erasures, which wait for approval.',
  })
  replayErasureLedger(
    @Acting() actor: Actor,
    @Arg('input', () => ReplayErasureLedgerInput, { description: 'Nothing but its id for the client.' })
    input: ReplayErasureLedgerInput,
  ) {
    return mutationPayload(input, async () => ({ runId: await this.#ledger.replay(actor) }));
  }
}

@Resolver(() => OperationType)
export class OperationDeferralFields {
  @FieldResolver(() => ErasureDeferralType, {
    nullable: true,
    description: 'What an erasure that ended still waits for; null when it does not.',
  })
  deferral(@Root() operation: Operation, @Ctx() { loaders }: RequestContext): Promise<ErasureDeferralType | null> {
    return loaders.deferral.load(operation.id);
  }
}

/** With the ids that the API knows its sources by. */
function named(claim: Claim): Claim {
  const { rule, sourceId } = claim;
  if (rule === 'MINIMUM_RETENTION' || rule === 'POLICY_DELETE') return claim;
  if (sourceId === confidentialSource) return claim;
  const type = rule === 'LEGAL_HOLD' ? 'LegalHold' : rule === 'CONTAINER_DELETE' ? 'Dataset' : 'Operation';
  return { ...claim, sourceId: globalId(type, sourceId) };
}
