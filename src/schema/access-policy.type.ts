import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { AccessDecision, DecidingRule } from '../domain/access/access-decision.ts';
import type { AccessRule, PolicyEffect } from '../domain/access/access-policy.ts';
import type { Action, Role } from '../domain/access/role.ts';
import { ActionEnum, RoleEnum } from './access.type.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';

const PolicyEffectEnum = describedEnum<PolicyEffect>(
  'AccessEffect',
  'What a rule does; a denial stands before all else.',
  {
    ALLOW: 'It allows what no role of the actor may.',
    DENY: 'It denies, whatever roles and other policies allow.',
  },
);

const texts = {
  roles: 'Whom it is about: who has one of these roles.',
  actors:
    'Whom it is about: tokens by their names, logins as `oidc:` and the subject, webhooks as `webhook:` and the name. With no roles and no actors: everybody.',
  namespaces: 'Namespaces, `*` for any characters; for subjects of the registry their context. Empty: all.',
  names: 'Names of datasets, topics, entities and subjects, `*` for any characters. Empty: all.',
  classifications: 'Classifications, e.g. `PII`; UNCLASSIFIED for what has none. Empty: all.',
  accounts: 'Accounts whose values are encrypted or decrypted. Empty: all.',
  purposes: 'Purposes that values are decrypted for. Empty: all.',
};

@ObjectType('AccessRule', { description: 'A rule on top of what roles give.' })
class AccessRuleType implements AccessRule {
  @Field(() => PolicyEffectEnum, { description: 'Whether it allows or denies.' })
  effect!: PolicyEffect;

  @Field(() => [ActionEnum], { description: 'What it allows or denies.' })
  actions!: readonly Action[];

  @Field(() => [RoleEnum], { description: texts.roles })
  roles!: readonly Role[];

  @Field(() => [String], { description: texts.actors })
  actors!: readonly string[];

  @Field(() => [String], { description: texts.namespaces })
  namespaces!: readonly string[];

  @Field(() => [String], { description: texts.names })
  names!: readonly string[];

  @Field(() => [String], { description: texts.classifications })
  classifications!: readonly string[];

  @Field(() => [String], { description: texts.accounts })
  accounts!: readonly string[];

  @Field(() => [String], { description: texts.purposes })
  purposes!: readonly string[];

  @Field(() => Instant, { nullable: true, description: 'When it begins; null for at once.' })
  validFrom!: Date | null;

  @Field(() => Instant, { nullable: true, description: 'When it ends by itself; null for never.' })
  validUntil!: Date | null;
}

@ObjectType('AccessPolicyVersion', { description: 'What a policy was or is.' })
class AccessPolicyVersionType {
  @Field(() => Int, { description: 'From 1 on.' })
  number!: number;

  @Field(() => AccessRuleType, { description: 'The rule.' })
  rule!: AccessRule;

  @Field(() => String, { description: 'Why.' })
  reason!: string;

  @Field(() => String, { description: 'Actor who made it.' })
  createdBy!: string;

  @Field(() => Instant, { description: 'When.' })
  createdAt!: Date;
}

export const AccessPolicyVersionConnection = connectionOf(
  'AccessPolicyVersion',
  () => AccessPolicyVersionType,
  'Versions of an access policy, newest first.',
);

@ObjectType('AccessPolicy', { implements: NodeType, description: 'A rule on top of what roles give, under a name.' })
export class AccessPolicyType extends NodeType {
  @Field(() => String, { description: 'Its name; of one policy that is not retired, in whatever case.' })
  name!: string;

  @Field(() => Int, { name: 'policyVersion', description: 'Number of the version in force.' })
  version!: number;

  @Field(() => AccessRuleType, { description: 'The rule in force.' })
  rule!: AccessRule;

  @Field(() => String, { description: 'Why.' })
  reason!: string;

  @Field(() => String, { description: 'Actor who made this version.' })
  createdBy!: string;

  @Field(() => Instant, { description: 'When this version was made.' })
  createdAt!: Date;

  @Field(() => String, { nullable: true, description: 'Actor who retired it; null while it stands.' })
  retiredBy!: string | null;

  @Field(() => Instant, { nullable: true, description: 'When it was retired; null while it stands.' })
  retiredAt!: Date | null;
}

export const AccessPolicyConnection = connectionOf('AccessPolicy', () => AccessPolicyType, 'Policies, newest first.');

@InputType({ description: 'A rule on top of what roles give. What is left out does not narrow it.' })
class AccessRuleInput {
  @Field(() => PolicyEffectEnum, { description: 'Whether it allows or denies.' })
  effect!: PolicyEffect;

  @Field(() => [ActionEnum], { description: 'What it allows or denies.' })
  actions!: Action[];

  @Field(() => [RoleEnum], { nullable: true, description: texts.roles })
  roles?: Role[];

  @Field(() => [String], { nullable: true, description: texts.actors })
  actors?: string[];

  @Field(() => [String], { nullable: true, description: texts.namespaces })
  namespaces?: string[];

  @Field(() => [String], { nullable: true, description: texts.names })
  names?: string[];

  @Field(() => [String], { nullable: true, description: texts.classifications })
  classifications?: string[];

  @Field(() => [String], { nullable: true, description: texts.accounts })
  accounts?: string[];

  @Field(() => [String], { nullable: true, description: texts.purposes })
  purposes?: string[];

  @Field(() => Instant, { nullable: true, description: 'When it begins. Default at once.' })
  validFrom?: Date;

  @Field(() => Instant, { nullable: true, description: 'When it ends by itself. Default never.' })
  validUntil?: Date;
}

@InputType({ description: 'A policy to make.' })
export class CreateAccessPolicyInput extends MutationInput {
  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => AccessRuleInput, { description: 'The rule.' })
  rule!: AccessRuleInput;

  @Field(() => String, { description: 'Why; it stands in the audit log.' })
  reason!: string;
}

@InputType({ description: 'A rule to be in force in the place of another.' })
export class ReplaceAccessPolicyInput extends MutationInput {
  @Field(() => ID, { description: 'The policy.' })
  id!: string;

  @Field(() => AccessRuleInput, { description: 'The whole new rule.' })
  rule!: AccessRuleInput;

  @Field(() => String, { description: 'Why; it stands in the audit log.' })
  reason!: string;
}

@InputType({ description: 'A policy to end.' })
export class RetireAccessPolicyInput extends MutationInput {
  @Field(() => ID, { description: 'The policy.' })
  id!: string;
}

@InputType({ description: 'A permission to take in an emergency.' })
export class BreakGlassInput extends MutationInput {
  @Field(() => ActionEnum, {
    description: 'Which: one that lets see, none that destroys, releases, grants or approves.',
  })
  permission!: Action;

  @Field(() => String, { description: 'Why; it stands in the audit log.' })
  reason!: string;

  @Field(() => Int, { description: 'For how long, 1 to 240 minutes; it ends by itself.' })
  minutes!: number;
}

@ObjectType({ description: 'The policy after the change.' })
export class AccessPolicyPayload extends MutationPayload {
  @Field(() => AccessPolicyType, { nullable: true, description: 'The policy; null when refused.' })
  accessPolicy?: AccessPolicyType | null;
}

@InputType({ description: 'What something is to be done with.' })
export class AccessResourceInput {
  @Field(() => String, { nullable: true, description: 'Its namespace.' })
  namespace?: string;

  @Field(() => String, { nullable: true, description: 'Its name.' })
  name?: string;

  @Field(() => [String], { nullable: true, description: 'Its classifications; an empty list for none.' })
  classifications?: string[];

  @Field(() => String, { nullable: true, description: 'The account whose values they are.' })
  account?: string;

  @Field(() => String, { nullable: true, description: 'What the values are for.' })
  purpose?: string;
}

@ObjectType('AccessDecidingRule', { description: 'What decided about an access, or would have.' })
class DecidingRuleType implements DecidingRule {
  @Field(() => String, { description: 'POLICY, ROLE, or DEFAULT where nothing speaks of it.' })
  kind!: DecidingRule['kind'];

  @Field(() => PolicyEffectEnum, { description: 'What it says.' })
  effect!: PolicyEffect;

  @Field(() => String, { nullable: true, description: 'Name of the policy, or of the roles.' })
  name!: string | null;

  @Field(() => Int, { nullable: true, description: 'Version of the policy.' })
  version!: number | null;
}

@ObjectType('AccessDecision', { description: 'Whether somebody may do something, and by what.' })
export class AccessDecisionType implements AccessDecision {
  @Field(() => Boolean, { description: 'Whether it is allowed.' })
  allowed!: boolean;

  @Field(() => DecidingRuleType, { description: 'What decided.' })
  rule!: DecidingRule;

  @Field(() => [DecidingRuleType], { description: 'Other rules that speak of it, and lost.' })
  others!: readonly DecidingRule[];
}

export type GivenRule = AccessRuleInput;
