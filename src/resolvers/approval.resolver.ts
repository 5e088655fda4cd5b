import { Arg, Args, Mutation, Query, Resolver } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import {
  ApprovalDelegationConnection,
  ApprovalDelegationPayload,
  ApprovalPolicyConnection,
  ApprovalPolicyPayload,
  DelegateApprovalInput,
  RemoveApprovalPolicyInput,
  RevokeApprovalDelegationInput,
  SetApprovalPolicyInput,
} from '../schema/approval.type.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import type { ApprovalReadModel } from '../services/operations/approval.read-model.ts';
import type { ApprovalPolicyService } from '../services/operations/approval-policy.service.ts';
import { Acting } from './acting.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver()
export class ApprovalResolver {
  readonly #readModel: ApprovalReadModel;
  readonly #service: ApprovalPolicyService;

  constructor(deps: { readonly approvals: ApprovalReadModel; readonly approvalPolicies: ApprovalPolicyService }) {
    this.#readModel = deps.approvals;
    this.#service = deps.approvalPolicies;
  }

  @Query(() => ApprovalPolicyConnection, { description: 'Who must approve which plans, by name.' })
  async approvalPolicies(@Args(() => ConnectionArgs) page: ConnectionArgs) {
    return new ApprovalPolicyConnection(await this.#readModel.approvalPolicies(page));
  }

  @Query(() => ApprovalDelegationConnection, { description: 'Who approves in whose name, newest first.' })
  async approvalDelegations(@Args(() => ConnectionArgs) page: ConnectionArgs) {
    return new ApprovalDelegationConnection(await this.#readModel.approvalDelegations(page));
  }

  @Mutation(() => ApprovalPolicyPayload, {
    description: 'Says who must approve which plans. It counts for plans that wait already, too.',
  })
  setApprovalPolicy(
    @Acting() actor: Actor,
    @Arg('input', () => SetApprovalPolicyInput, { description: 'The policy.' }) input: SetApprovalPolicyInput,
  ) {
    const { name, kinds = null, classifications = null, roles = null } = input;
    const { overTargets: targets, overSubjects: subjects, overRecords: records, overBytes: bytes } = input;
    const limits = Object.entries({ targets, subjects, records, bytes }).filter(([, limit]) => limit != null);
    return mutationPayload(input, async () => ({
      approvalPolicy: await this.#service.setApprovalPolicy(actor, {
        ...{ name, kinds, classifications, roles, over: Object.fromEntries(limits) },
        approvals: input.approvals ?? 1,
        byRequester: input.byRequester ?? false,
      }),
    }));
  }

  @Mutation(() => ApprovalPolicyPayload, { description: 'Removes an approval policy.' })
  removeApprovalPolicy(
    @Acting() actor: Actor,
    @Arg('input', () => RemoveApprovalPolicyInput, { description: 'Which one.' }) input: RemoveApprovalPolicyInput,
  ) {
    return mutationPayload(input, async () => ({
      approvalPolicy: await this.#service.removeApprovalPolicy(actor, input.name),
    }));
  }

  @Mutation(() => ApprovalDelegationPayload, {
    description: 'Lets another actor approve in one’s own name for a time, also one who may not approve otherwise.',
  })
  delegateApproval(
    @Acting() actor: Actor,
    @Arg('input', () => DelegateApprovalInput, { description: 'To whom.' }) input: DelegateApprovalInput,
  ) {
    return mutationPayload(input, async () => ({
      approvalDelegation: await this.#service.delegateApproval(actor, input),
    }));
  }

  @Mutation(() => ApprovalDelegationPayload, { description: 'Ends a delegation at once.' })
  revokeApprovalDelegation(
    @Acting() actor: Actor,
    @Arg('input', () => RevokeApprovalDelegationInput, { description: 'Which one.' })
    input: RevokeApprovalDelegationInput,
  ) {
    return mutationPayload(input, async () => ({
      approvalDelegation: await this.#service.revokeApprovalDelegation(actor, {
        from: input.from ?? null,
        to: input.to,
      }),
    }));
  }
}
