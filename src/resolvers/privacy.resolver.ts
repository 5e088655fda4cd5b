import { Arg, Args, ID, Mutation, Query, Resolver } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import { protectionChanges } from '../domain/privacy/protection-changes.ts';
import type { ProtectionParams } from '../domain/privacy/protection-policy.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import {
  DeleteProtectionPolicyInput,
  DeleteProtectionPolicyPayload,
  type ProtectionParamsInput,
  ProtectionPolicyConnection,
  ProtectionPolicyType,
  ProtectionPreviewType,
  SetProtectionPolicyInput,
  SetProtectionPolicyPayload,
} from '../schema/privacy.type.ts';
import { Json } from '../schema/scalars.ts';
import type { PlanKeys, ProtectionReadModel } from '../services/privacy/protection.read-model.ts';
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
    @Arg('subjectField', () => String, {
      nullable: true,
      description: 'Top-level field that names the person, where a policy encrypts under keys of persons.',
    })
    subjectField: string | undefined,
    @Arg('strict', () => Boolean, {
      nullable: true,
      description: 'Refuse fields without a semantic type instead of listing them as gaps. Default false.',
    })
    strict: boolean | undefined,
    @Arg('sample', () => Json, { description: 'A message of the entity. It is not stored.' }) sample: unknown,
  ): Promise<ProtectionPreviewType> {
    const keys = { accountField, subjectField: subjectField ?? null, strict: strict ?? false };
    return this.#preview(localId('Entity', entityId, ['entityId']), keys, sample);
  }

  @Mutation(() => SetProtectionPolicyPayload, {
    description: 'Makes a protection policy or changes its action. Streams follow from their next batch on.',
  })
  setProtectionPolicy(
    @Acting() actor: Actor,
    @Arg('input', () => SetProtectionPolicyInput, { description: 'The policy.' }) input: SetProtectionPolicyInput,
  ) {
    return mutationPayload(input, async () => ({
      protectionPolicy: await this.#service.setProtectionPolicy(actor, {
        scope: input.scope,
        scopeName: input.scopeName ?? '',
        semanticType: input.semanticType ?? '',
        classification: input.classification ?? '',
        action: input.action,
        params: paramsOf(input.params),
      }),
    }));
  }

  @Mutation(() => DeleteProtectionPolicyPayload, {
    description: 'Takes a policy away; from then on the next wider one holds, or the type’s own action.',
  })
  deleteProtectionPolicy(
    @Acting() actor: Actor,
    @Arg('input', () => DeleteProtectionPolicyInput, { description: 'The policy.' }) input: DeleteProtectionPolicyInput,
  ) {
    return mutationPayload(input, async () => {
      await this.#service.deleteProtectionPolicy(actor, localId('ProtectionPolicy', input.id));
      return { deletedId: input.id };
    });
  }

  async #preview(entityId: string, keys: PlanKeys, sample: unknown): Promise<ProtectionPreviewType> {
    const plan = await this.#readModel.planOf(entityId, keys);
    const { steps, gaps, recurrences, warnings } = plan;
    const marked = await this.#protection.protectSample(plan, sample);
    return { steps, gaps, recurrences, warnings, changes: protectionChanges(sample, marked), protected: marked };
  }
}

function paramsOf(params: ProtectionParamsInput = {}): ProtectionParams {
  const { suite, ...others } = params;
  if (suite === undefined) return others;
  if (suite === 1 || suite === 2 || suite === 3) return { ...others, suite };
  throw new LinewardError('SUITE_UNKNOWN', 'params.suite: is 1, 2 or 3 for values', { path: ['params', 'suite'] });
}
