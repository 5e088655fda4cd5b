import { Arg, Args, ID, Mutation, Query, Resolver } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { localId } from '../schema/node.type.ts';
import {
  ProtectionPolicyConnection,
  ProtectionPolicyType,
  ProtectionPreviewType,
  SetProtectionPolicyInput,
  SetProtectionPolicyPayload,
} from '../schema/privacy.type.ts';
import { Json } from '../schema/scalars.ts';
import type { ProtectionReadModel } from '../services/privacy/protection.read-model.ts';
import type { ProtectionService } from '../services/privacy/protection.service.ts';
import type { ProtectionPolicyService } from '../services/privacy/protection-policy.service.ts';
import { Acting } from './acting.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver(() => ProtectionPolicyType)
export class PrivacyResolver {
  readonly #service: ProtectionPolicyService;
  readonly #protection: ProtectionService;
  readonly #readModel: ProtectionReadModel;

  constructor(deps: {
    readonly protectionPolicyService: ProtectionPolicyService;
    readonly protectionService: ProtectionService;
    readonly protection: ProtectionReadModel;
  }) {
    this.#service = deps.protectionPolicyService;
    this.#protection = deps.protectionService;
    this.#readModel = deps.protection;
  }

  @Query(() => ProtectionPolicyConnection, { description: 'Protection policies, oldest first.' })
  async protectionPolicies(@Args(() => ConnectionArgs) page: ConnectionArgs) {
    return new ProtectionPolicyConnection(await this.#readModel.protectionPolicies(page));
  }

  @Query(() => ProtectionPreviewType, {
    description: 'What the policies in force do to an entity’s fields, and to a sample of it.',
  })
  previewProtection(
    @Arg('entityId', () => ID, { description: 'The entity.' }) entityId: string,
    @Arg('accountField', () => String, { description: 'Top-level field that holds the account id.' })
    accountField: string,
    @Arg('sample', () => Json, { description: 'A message of the entity. It is not stored.' }) sample: unknown,
  ): Promise<ProtectionPreviewType> {
    return this.#preview(localId('Entity', entityId, ['entityId']), accountField, sample);
  }

  @Mutation(() => SetProtectionPolicyPayload, {
    description: 'Makes a protection policy or changes its action. Streams follow from their next batch on.',
  })
  setProtectionPolicy(
    @Acting() actor: Actor,
    @Arg('input', () => SetProtectionPolicyInput, { description: 'The policy.' }) input: SetProtectionPolicyInput,
  ) {
    return mutationPayload(input, async () => ({
      protectionPolicy: await this.#service.setProtectionPolicy(actor, { ...input, scopeName: input.scopeName ?? '' }),
    }));
  }

  async #preview(entityId: string, accountField: string, sample: unknown): Promise<ProtectionPreviewType> {
    const plan = await this.#readModel.planOf(entityId, accountField);
    return { steps: plan.steps, gaps: plan.gaps, protected: await this.#protection.protectSample(plan, sample) };
  }
}
