import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { AccessRule } from '../domain/access/access-policy.ts';
import type { Actor } from '../domain/access/actor.ts';
import type { Action, Role } from '../domain/access/role.ts';
import { localId } from '../domain/global-id.ts';
import { ActionEnum, RoleEnum } from '../schema/access.type.ts';
import {
  AccessDecisionType,
  AccessPolicyConnection,
  AccessPolicyPayload,
  AccessPolicyType,
  AccessPolicyVersionConnection,
  AccessResourceInput,
  BreakGlassInput,
  CreateAccessPolicyInput,
  type GivenRule,
  ReplaceAccessPolicyInput,
  RetireAccessPolicyInput,
} from '../schema/access-policy.type.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import type { AccessPolicyReadModel } from '../services/access/access-policy.read-model.ts';
import type { AccessPolicyService } from '../services/access/access-policy.service.ts';
import type { BreakGlassService } from '../services/access/break-glass.service.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver()
export class AccessPolicyResolver {
  readonly #readModel: AccessPolicyReadModel;
  readonly #service: AccessPolicyService;
  readonly #breakGlass: BreakGlassService;

  constructor(deps: {
    readonly accessPolicies: AccessPolicyReadModel;
    readonly accessPolicyService: AccessPolicyService;
    readonly breakGlass: BreakGlassService;
  }) {
    this.#readModel = deps.accessPolicies;
    this.#service = deps.accessPolicyService;
    this.#breakGlass = deps.breakGlass;
  }

  @Query(() => AccessPolicyConnection, { description: 'Access policies, newest first; those that were retired too.' })
  async accessPolicies(@Args(() => ConnectionArgs) page: ConnectionArgs) {
    return new AccessPolicyConnection(await this.#readModel.accessPolicies(page));
  }

  @Query(() => AccessDecisionType, {
    description:
      'Whether somebody may do something, and by what. For who audits: the names of policies tell what they hide.',
  })
  explainAccess(
    @Ctx() { access, actor }: RequestContext,
    @Arg('permission', () => ActionEnum, { description: 'What is to be done.' }) permission: Action,
    @Arg('resource', () => AccessResourceInput, { nullable: true, description: 'With what. Default with anything.' })
    resource?: AccessResourceInput,
    @Arg('actorId', () => String, { nullable: true, description: 'Who. Default oneself.' }) actorId?: string,
    @Arg('roles', () => [RoleEnum], { nullable: true, description: 'What that actor is. Default none.' })
    roles?: Role[],
  ): Promise<AccessDecisionType> {
    const { namespace, name, classifications, account, purpose } = resource ?? {};
    const thing = {
      ...(namespace == null ? {} : { namespace }),
      ...(name == null ? {} : { name }),
      ...(classifications == null ? {} : { classifications }),
      ...(account == null ? {} : { account }),
      ...(purpose == null ? {} : { purpose }),
    };
    if (actorId == null) return access.explain(actor, permission, thing);
    const other: Actor = { id: actorId, kind: 'token', roles: roles ?? [], requestId: null };
    return access.explain(other, permission, thing);
  }

  @Mutation(() => AccessPolicyPayload, {
    description: 'Makes a rule on top of what roles give. It is in force at once.',
  })
  createAccessPolicy(
    @Acting() actor: Actor,
    @Arg('input', () => CreateAccessPolicyInput, { description: 'The policy.' }) input: CreateAccessPolicyInput,
  ) {
    const { name, reason } = input;
    return mutationPayload(input, async () => ({
      accessPolicy: await this.#service.createPolicy(actor, { name, reason, rule: ruleOf(input.rule) }),
    }));
  }

  @Mutation(() => AccessPolicyPayload, { description: 'Puts another rule in the place of one, as its next version.' })
  replaceAccessPolicy(
    @Acting() actor: Actor,
    @Arg('input', () => ReplaceAccessPolicyInput, { description: 'The new rule.' }) input: ReplaceAccessPolicyInput,
  ) {
    const given = { reason: input.reason, rule: ruleOf(input.rule) };
    return mutationPayload(input, async () => ({
      accessPolicy: await this.#service.replacePolicy(actor, localId('AccessPolicy', input.id), given),
    }));
  }

  @Mutation(() => AccessPolicyPayload, { description: 'Ends a policy at once; what it was stays to be read.' })
  retireAccessPolicy(
    @Acting() actor: Actor,
    @Arg('input', () => RetireAccessPolicyInput, { description: 'Which one.' }) input: RetireAccessPolicyInput,
  ) {
    return mutationPayload(input, async () => ({
      accessPolicy: await this.#service.retirePolicy(actor, localId('AccessPolicy', input.id)),
    }));
  }

  @Mutation(() => AccessPolicyPayload, {
    description:
      'Takes a permission in an emergency, for a short time, in sight of all: the audit log and the change feed tell of it. For whom a policy allows BREAK_GLASS.',
  })
  breakGlass(
    @Acting() actor: Actor,
    @Arg('input', () => BreakGlassInput, { description: 'What, why and for how long.' }) input: BreakGlassInput,
  ) {
    const { permission, reason, minutes } = input;
    return mutationPayload(input, async () => ({
      accessPolicy: await this.#breakGlass.breakGlass(actor, { permission, reason, minutes }),
    }));
  }
}

@Resolver(() => AccessPolicyType)
export class AccessPolicyFields {
  @FieldResolver(() => AccessPolicyVersionConnection, { description: 'What it was and is, newest first.' })
  async versions(
    @Root() { id }: { readonly id: string },
    @Ctx() { loaders }: RequestContext,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
  ) {
    return new AccessPolicyVersionConnection(await loaders.accessPolicyVersions.load({ parentId: id, request: page }));
  }
}

function ruleOf(given: GivenRule): AccessRule {
  const { effect, actions, roles, actors, namespaces, names, classifications, accounts, purposes } = given;
  return {
    ...{ effect, actions, roles: roles ?? [], actors: actors ?? [] },
    ...{ namespaces: namespaces ?? [], names: names ?? [], classifications: classifications ?? [] },
    ...{ accounts: accounts ?? [], purposes: purposes ?? [] },
    ...{ validFrom: given.validFrom ?? null, validUntil: given.validUntil ?? null },
  };
}
