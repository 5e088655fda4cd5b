import { LinewardError } from '../../errors/lineward-error.ts';
import { type ProtectionAction, protectionActions } from './protection-action.ts';
import type { SemanticType, SemanticTypes } from './semantic-type.ts';

/** Scopes from wide to narrow; the narrowest policy that fits a field wins. */
export const protectionScopes = ['GLOBAL', 'NAMESPACE', 'ENTITY', 'FIELD'] as const;
export type ProtectionScope = (typeof protectionScopes)[number];

/** What stands in the place of a removed value of a nullable field. */
export const removalForms = ['EMPTY', 'NULL'] as const;
export type RemovalForm = (typeof removalForms)[number];

/** Whose key encrypts: the account's, or one of the person's own, so that one person can be forgotten by destroying it. */
export const keyScopes = ['ACCOUNT', 'SUBJECT'] as const;
export type KeyScope = (typeof keyScopes)[number];

/** How an action is done. What is absent is left to the product. */
export interface ProtectionParams {
  /** Only for REMOVE on nullable fields. By default customer text becomes `""` and all else null. */
  readonly removalForm?: RemovalForm | null | undefined;
  /** Only for ENCRYPT; 1 by default. 3 gives equal envelopes for equal values. */
  readonly suite?: 1 | 2 | 3 | null | undefined;
  /** Only for ENCRYPT; ACCOUNT by default. */
  readonly keyScope?: KeyScope | null | undefined;
  /** Only for ENCRYPT: hides lengths up to a bucket. */
  readonly padding?: boolean | null | undefined;
}

export interface ProtectionPolicy {
  readonly scope: ProtectionScope;
  /** Null for GLOBAL; else a namespace, an entity's full name, or `Entity.full.Name#field.path`. */
  readonly scopeName: string | null;
  /** Name or alias of a registered semantic type; empty for a policy of a classification. */
  readonly semanticType: string;
  /** Classification of the types that are meant, e.g. `PII`; empty for a policy of one type. */
  readonly classification: string;
  readonly action: ProtectionAction;
  readonly params: ProtectionParams;
}

/** Where a policy is looked up for. `paths` is the field's own path and, when its type is inherited, the giver's. */
export interface PolicyPlace {
  readonly entityFullName: string;
  readonly namespace: string;
  readonly paths: readonly string[];
}

/**
 * Refuses a policy that cannot be kept.
 * @throws LinewardError BAD_INPUT for a wrong scope name or parameter, SEMANTIC_TYPE_UNKNOWN for an unknown type.
 */
export function assertProtectionPolicy(policy: ProtectionPolicy, types: SemanticTypes): void {
  const { semanticType, classification } = policy;
  if ((semanticType === '') === (classification === ''))
    throw new LinewardError('BAD_INPUT', 'A policy names a semantic type or a classification, and not both.', {
      path: ['semanticType'],
    });
  if (semanticType !== '' && types.find(semanticType) === null)
    throw new LinewardError('SEMANTIC_TYPE_UNKNOWN', undefined, { path: ['semanticType'] });
  assertParams(policy);
  if ((policy.scope === 'GLOBAL') !== (policy.scopeName === null || policy.scopeName === '')) {
    throw new LinewardError('BAD_INPUT', 'A GLOBAL policy has no scope name; every other policy needs one.', {
      path: ['scopeName'],
    });
  }
  if (policy.scope === 'FIELD' && !/^[^#]+#[^#]+$/.test(policy.scopeName ?? '')) {
    throw new LinewardError('BAD_INPUT', 'A FIELD policy names its field as Entity.full.Name#field.path.', {
      path: ['scopeName'],
    });
  }
}

function assertParams({ action, params }: ProtectionPolicy): void {
  const wrong = (Object.keys(paramActions) as (keyof ProtectionParams)[]).find(
    (name) => params[name] !== undefined && params[name] !== null && paramActions[name] !== action,
  );
  if (wrong !== undefined)
    throw new LinewardError('BAD_INPUT', `${wrong} is for ${paramActions[wrong]} only.`, { path: ['params', wrong] });
}

const paramActions: Readonly<Record<keyof ProtectionParams, ProtectionAction>> = {
  removalForm: 'REMOVE',
  suite: 'ENCRYPT',
  keyScope: 'ENCRYPT',
  padding: 'ENCRYPT',
};

/** The policy that rules a value of a type at a place, or null when none speaks of it. */
export function decidingPolicy(
  policies: readonly ProtectionPolicy[],
  type: SemanticType,
  place: PolicyPlace,
): ProtectionPolicy | null {
  let best: ProtectionPolicy | null = null;
  for (const policy of policies) {
    if (!speaksOf(policy, type) || !covers(policy, place)) continue;
    if (best === null || weight(policy) > weight(best)) best = policy;
  }
  return best;
}

function speaksOf({ semanticType, classification }: ProtectionPolicy, type: SemanticType): boolean {
  if (classification !== '') return type.classifications.includes(classification);
  const spelling = semanticType.trim().toLowerCase();
  return spelling === type.name || type.aliases.includes(spelling);
}

function covers(policy: ProtectionPolicy, place: PolicyPlace): boolean {
  switch (policy.scope) {
    case 'GLOBAL':
      return true;
    case 'NAMESPACE':
      return policy.scopeName === place.namespace;
    case 'ENTITY':
      return policy.scopeName === place.entityFullName;
    case 'FIELD':
      return place.paths.some((path) => policy.scopeName === `${place.entityFullName}#${path}`);
  }
}

function weight(policy: ProtectionPolicy): number {
  return protectionScopes.indexOf(policy.scope) * protectionActions.length + protectionActions.indexOf(policy.action);
}
