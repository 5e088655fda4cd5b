import { Arg, Args, Ctx, ID, Mutation, Query, Resolver, Subscription } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import {
  ApproveOperationInput,
  CancelOperationInput,
  OperationFilter,
  OperationPayload,
  RequestErasureInput,
  RequestProtectionInput,
  RequestRewrapInput,
  RequestShredInput,
  RetryOperationInput,
} from '../schema/operation.input.ts';
import { OperationConnection, OperationType } from '../schema/operation.type.ts';
import type { OperationReadModel, OperationSummary } from '../services/operations/operation.read-model.ts';
import type { OperationService } from '../services/operations/operation.service.ts';
import type { OperationRequestService } from '../services/operations/operation-request.service.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver()
export class OperationsResolver {
  readonly #requests: OperationRequestService;
  readonly #service: OperationService;
  readonly #readModel: OperationReadModel;

  constructor(deps: {
    readonly operationRequests: OperationRequestService;
    readonly operationService: OperationService;
    readonly operations: OperationReadModel;
  }) {
    this.#requests = deps.operationRequests;
    this.#service = deps.operationService;
    this.#readModel = deps.operations;
  }

  @Query(() => OperationConnection, { description: 'Operations, newest first.' })
  async operations(
    @Ctx() { access, actor }: RequestContext,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Arg('filter', () => OperationFilter, { nullable: true, description: 'Which operations.' })
    filter?: OperationFilter,
  ) {
    // Whether there is one about somebody tells whom it is about.
    if (filter?.subject != null) access.assert(actor, 'READ_SUBJECTS', 'Query.operations(filter.subject)');
    return new OperationConnection(await this.#readModel.operations(page, filter ?? {}));
  }

  @Mutation(() => OperationPayload, {
    description: 'Asks for an erasure. It is planned at once and waits for `approveOperation`.',
  })
  requestErasure(
    @Acting() actor: Actor,
    @Arg('input', () => RequestErasureInput, { description: 'Whom to erase.' }) input: RequestErasureInput,
  ) {
    return mutationPayload(input, async () => ({
      operation: await this.#requests.requestErasure(actor, {
        ...input,
        entityId: input.entityId == null ? undefined : localId('Entity', input.entityId, ['entityId']),
      }),
    }));
  }

  @Mutation(() => OperationPayload, {
    description:
      'Asks for the keys of accounts or persons to be destroyed, so that nobody can read what they encrypted, wherever copies lie. The plan lists the keys and waits for approval; nothing brings them back.',
  })
  requestShred(
    @Acting() actor: Actor,
    @Arg('input', () => RequestShredInput, { description: 'Whose keys.' }) input: RequestShredInput,
  ) {
    return mutationPayload(input, async () => ({ operation: await this.#requests.requestShred(actor, input) }));
  }

  @Mutation(() => OperationPayload, {
    description:
      'Asks for the stored records of an entity to be redacted, encrypted, tokenized or emptied as the protection policies in force say. Rows under a legal hold stay as they are; what is encrypted already stays so.',
  })
  requestProtection(
    @Acting() actor: Actor,
    @Arg('input', () => RequestProtectionInput, { description: 'Whose records.' }) input: RequestProtectionInput,
  ) {
    return mutationPayload(input, async () => ({
      operation: await this.#requests.requestProtection(actor, {
        ...placesIn(input),
        entityId: localId('Entity', input.entityId, ['entityId']),
      }),
    }));
  }

  @Mutation(() => OperationPayload, {
    description:
      'Asks for stored envelopes under older key versions to be opened and sealed again under the versions in force, e.g. after `rotateAccountKey`.',
  })
  requestRewrap(
    @Acting() actor: Actor,
    @Arg('input', () => RequestRewrapInput, { description: 'Where.' }) input: RequestRewrapInput,
  ) {
    return mutationPayload(input, async () => ({
      operation: await this.#requests.requestRewrap(actor, {
        ...placesIn(input),
        entityId: input.entityId == null ? undefined : localId('Entity', input.entityId, ['entityId']),
      }),
    }));
  }

  @Mutation(() => OperationPayload, { description: 'Approves exactly the plan that was read; the work begins.' })
  approveOperation(
    @Ctx() { access, actor }: RequestContext,
    @Arg('input', () => ApproveOperationInput, { description: 'The plan.' }) input: ApproveOperationInput,
  ) {
    // Who stands in for somebody does it by that one's permission, which the service looks at.
    if (input.onBehalfOf == null) access.assert(actor, 'APPROVE', 'Mutation.approveOperation');
    return mutationPayload(input, async () => ({
      operation: await this.#service.approveOperation(actor, {
        id: localId('Operation', input.id),
        planHash: input.planHash,
        onBehalfOf: input.onBehalfOf ?? undefined,
      }),
    }));
  }

  @Mutation(() => OperationPayload, { description: 'Stops an operation at its next safe boundary.' })
  cancelOperation(
    @Acting() actor: Actor,
    @Arg('input', () => CancelOperationInput, { description: 'The operation.' }) input: CancelOperationInput,
  ) {
    return mutationPayload(input, async () => ({
      operation: await this.#service.cancelOperation(actor, {
        id: localId('Operation', input.id),
        reason: input.reason,
      }),
    }));
  }

  @Mutation(() => OperationPayload, { description: 'Plans an operation again that ended PARTIAL, BLOCKED or FAILED.' })
  retryOperation(
    @Acting() actor: Actor,
    @Arg('input', () => RetryOperationInput, { description: 'The operation.' }) input: RetryOperationInput,
  ) {
    return mutationPayload(input, async () => ({
      operation: await this.#service.retryOperation(actor, { id: localId('Operation', input.id) }),
    }));
  }

  @Subscription(() => OperationType, {
    description: 'The operation now, and again after each change, until the client leaves.',
    subscribe: ({ args, context }) => {
      const { operationEvents } = context as RequestContext;
      return operationEvents.changes(localId('Operation', String(args.id)));
    },
  })
  operationUpdated(
    @Arg('id', () => ID, { description: 'Global id of the operation.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<OperationSummary> {
    context.renewLoaders();
    return this.#operation(localId('Operation', id));
  }

  async #operation(id: string): Promise<OperationSummary> {
    const [operation] = await this.#readModel.operationsById([id]);
    if (operation === undefined)
      throw new LinewardError('NOT_FOUND', 'id: there is no such operation', { path: ['id'] });
    return operation;
  }
}

/** GraphQL says null for what a client leaves out by a variable. */
function placesIn({ datasetIds, accountIds, ...input }: RequestProtectionInput | RequestRewrapInput) {
  return {
    ...input,
    accountIds: accountIds ?? undefined,
    datasetIds: datasetIds?.map((id, index) => localId('Dataset', id, ['datasetIds', String(index)])),
  };
}
