import { LinewardError } from '../../errors/lineward-error.ts';
import { type ProtectionAction, protectionActions } from './protection-action.ts';
import { semanticTypeOf } from './semantic-type.ts';

/** Scopes from wide to narrow; the narrowest policy that fits a field wins. */
export const protectionScopes = ['GLOBAL', 'NAMESPACE', 'ENTITY', 'FIELD'] as const;
export type ProtectionScope = (typeof protectionScopes)[number];

/** What stands in the place of a removed value of a nullable field. */
export type RemovalForm = 'EMPTY' | 'NULL';

export interface ProtectionPolicy {
  readonly scope: ProtectionScope;
  /** Null for GLOBAL; else a namespace, an entity's full name, or `Entity.full.Name#field.path`. */
  readonly scopeName: string | null;
  /** Name or alias of a registered semantic type. */
  readonly semanticType: string;
  readonly action: ProtectionAction;
  /** Only for REMOVE on nullable fields. By default customer text becomes `""` and all else null. */
  readonly removalForm?: RemovalForm | null;
}

/** Where a policy is looked up for. `paths` is the field's own path and, when its type is inherited, the giver's. */
export interface PolicyPlace {
  readonly entityFullName: string;
  readonly namespace: string;
  readonly paths: readonly string[];
}

/**
 * Refuses a policy that cannot be kept.
 * @throws LinewardError BAD_INPUT for a wrong scope name or for TOKENIZE, SEMANTIC_TYPE_UNKNOWN for an unknown type.
 */
export function assertProtectionPolicy(policy: ProtectionPolicy): void {
  if (semanticTypeOf(policy.semanticType) === null) {
    throw new LinewardError('SEMANTIC_TYPE_UNKNOWN', undefined, { path: ['semanticType'] });
  }
  if (policy.action === 'TOKENIZE') {
    throw new LinewardError('BAD_INPUT', 'TOKENIZE is not offered; use ENCRYPT, REDACT or REMOVE.', {
      path: ['action'],
    });
  }
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

/** The policy that rules a value of a type at a place, or null when none speaks of it. */
export function decidingPolicy(
  policies: readonly ProtectionPolicy[],
  typeName: string,
  place: PolicyPlace,
): ProtectionPolicy | null {
  let best: ProtectionPolicy | null = null;
  for (const policy of policies) {
    if (semanticTypeOf(policy.semanticType)?.name !== typeName || !covers(policy, place)) continue;
    if (best === null || weight(policy) > weight(best)) best = policy;
  }
  return best;
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
