import { Arg, Mutation, Resolver } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import {
  DeleteLakeRetentionInput,
  LakeRetentionPayload,
  RequestRetentionInput,
  SetLakeRetentionInput,
} from '../schema/lake-retention.input.ts';
import { OperationPayload } from '../schema/operation.input.ts';
import type { RetentionService } from '../services/lake/retention.service.ts';
import type { OperationRequestService } from '../services/operations/operation-request.service.ts';
import { Acting } from './acting.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver()
export class LakeRetentionResolver {
  readonly #retention: RetentionService;
  readonly #requests: Pick<OperationRequestService, 'requestRetention'>;

  constructor(deps: { readonly retention: RetentionService; readonly operationRequests: OperationRequestService }) {
    this.#retention = deps.retention;
    this.#requests = deps.operationRequests;
  }

  @Mutation(() => LakeRetentionPayload, {
    description:
      'Says how long a lake table keeps its rows. Nothing goes by that alone: each UTC day an operation is asked for, with a plan that waits for approval.',
  })
  setLakeRetention(
    @Acting() actor: Actor,
    @Arg('input', () => SetLakeRetentionInput, { description: 'The rule.' }) input: SetLakeRetentionInput,
  ) {
    return mutationPayload(input, async () => ({
      dataset: await this.#retention.setLakeRetention(actor, {
        datasetId: localId('Dataset', input.datasetId, ['datasetId']),
        days: input.days,
        dateField: input.dateField ?? null,
        action: input.action ?? 'DELETE',
        autoApprove: input.autoApprove ?? false,
      }),
    }));
  }

  @Mutation(() => LakeRetentionPayload, {
    description: 'Takes the retention rule of a lake table away. It goes by a retention policy then, where one fits.',
  })
  deleteLakeRetention(
    @Acting() actor: Actor,
    @Arg('input', () => DeleteLakeRetentionInput, { description: 'The table.' }) input: DeleteLakeRetentionInput,
  ) {
    return mutationPayload(input, async () => ({
      dataset: await this.#retention.deleteLakeRetention(actor, {
        datasetId: localId('Dataset', input.datasetId, ['datasetId']),
      }),
    }));
  }

  @Mutation(() => OperationPayload, {
    description:
      'Asks now for what a retention rule or policy asks for each day: rows of a lake table that are older than it allows are removed, but for those under a legal hold and those without a date.',
  })
  requestRetention(
    @Acting() actor: Actor,
    @Arg('input', () => RequestRetentionInput, { description: 'The table.' }) input: RequestRetentionInput,
  ) {
    return mutationPayload(input, async () => ({
      operation: await this.#requests.requestRetention(actor, {
        ...input,
        datasetId: localId('Dataset', input.datasetId, ['datasetId']),
      }),
    }));
  }
}
