import { Arg, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { mayDo } from '../domain/access/role.ts';
import { globalId, localId } from '../domain/global-id.ts';
import type { Claim } from '../domain/governance/decision.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { MinimumRetention } from '../entities/minimum-retention.entity.ts';
import type { Operation } from '../entities/operation.entity.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import {
  DecisionItemInput,
  DecisionType,
  ErasureDeferralType,
  MinimumRetentionPayload,
  MinimumRetentionType,
  RemoveMinimumRetentionInput,
  ReplayErasureLedgerInput,
  ReplayErasureLedgerPayload,
  SetMinimumRetentionInput,
} from '../schema/decision.type.ts';
import { OperationType } from '../schema/operation.type.ts';
import { confidentialSource, type DecisionReadModel } from '../services/governance/decision.read-model.ts';
import type { MinimumRetentionService } from '../services/governance/minimum-retention.service.ts';
import type { ErasureLedger } from '../services/operations/erasure-ledger.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver()
export class DecisionResolver {
  readonly #decisions: DecisionReadModel;
  readonly #minimums: MinimumRetentionService;
  readonly #ledger: Pick<ErasureLedger, 'replay'>;

  constructor(deps: {
    readonly decisions: DecisionReadModel;
    readonly minimumRetentions: MinimumRetentionService;
    readonly erasureLedger: ErasureLedger;
  }) {
    this.#decisions = deps.decisions;
    this.#minimums = deps.minimumRetentions;
    this.#ledger = deps.erasureLedger;
  }

  @Query(() => DecisionType, {
    description:
      'What becomes of a record and why, by the decision that every operation goes by: holds, minimums, erasures under way or deferred, rules of its place.',
  })
  async explainDecision(
    @Acting() actor: Actor,
    @Arg('item', () => DecisionItemInput, { description: 'The record.' }) item: DecisionItemInput,
  ): Promise<DecisionType> {
    const { accountId, subject } = item;
    const isInitiated = mayDo(actor.roles, 'HOLD');
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

  @Mutation(() => MinimumRetentionPayload, {
    description:
      'Says how long a regulation wants the records of a dataset to be kept: nothing here deletes them sooner, and erasures of them are deferred.',
  })
  setMinimumRetention(
    @Acting() actor: Actor,
    @Arg('input', () => SetMinimumRetentionInput, { description: 'The minimum.' }) input: SetMinimumRetentionInput,
    @Ctx() { loaders }: RequestContext,
  ) {
    return mutationPayload(input, async () => {
      const { datasetId } = await this.#minimums.setMinimumRetention(actor, {
        datasetId: localId('Dataset', input.datasetId, ['datasetId']),
        name: input.name,
        days: input.days,
        mode: input.mode,
        dateField: input.dateField ?? null,
        validUntil: input.validUntil ?? null,
        bypassReason: input.bypassReason ?? null,
      });
      return { dataset: await loaders.dataset.load(datasetId) };
    });
  }

  @Mutation(() => MinimumRetentionPayload, {
    description: 'Removes a minimum that has run out; one in governance mode also before, by who may bypass it.',
  })
  removeMinimumRetention(
    @Acting() actor: Actor,
    @Arg('input', () => RemoveMinimumRetentionInput, { description: 'The minimum.' })
    input: RemoveMinimumRetentionInput,
    @Ctx() { loaders }: RequestContext,
  ) {
    return mutationPayload(input, async () => {
      const { datasetId } = await this.#minimums.removeMinimumRetention(actor, {
        datasetId: localId('Dataset', input.datasetId, ['datasetId']),
        name: input.name,
        bypassReason: input.bypassReason ?? null,
      });
      return { dataset: await loaders.dataset.load(datasetId) };
    });
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

@Resolver(() => DatasetType)
export class DatasetRetentionFields {
  @FieldResolver(() => [MinimumRetentionType], {
    description: 'How long regulations want its records to be kept, by name.',
  })
  minimumRetentions(
    @Root() dataset: Dataset,
    @Ctx() { loaders }: RequestContext,
  ): Promise<readonly MinimumRetention[]> {
    return loaders.minimumRetentions.load(dataset.id);
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
  if (rule === 'MINIMUM_RETENTION') return claim;
  if (sourceId === confidentialSource) return claim;
  const type = rule === 'LEGAL_HOLD' ? 'LegalHold' : rule === 'CONTAINER_DELETE' ? 'Dataset' : 'Operation';
  return { ...claim, sourceId: globalId(type, sourceId) };
}
