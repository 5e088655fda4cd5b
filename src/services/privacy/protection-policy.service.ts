import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import type { ProtectionAction } from '../../domain/privacy/protection-action.ts';
import { assertProtectionPolicy, type ProtectionScope } from '../../domain/privacy/protection-policy.ts';
import { semanticTypeOf } from '../../domain/privacy/semantic-type.ts';
import { type ProtectionPolicy, ProtectionPolicySchema } from '../../entities/protection-policy.entity.ts';
import { audit } from '../audit/audit.service.ts';

export interface SetProtectionPolicy {
  readonly scope: ProtectionScope;
  /** Empty for GLOBAL. */
  readonly scopeName: string;
  readonly semanticType: string;
  readonly action: ProtectionAction;
}

/** Says what is done to values of a semantic type, and where. Streams follow from their next batch on. */
export class ProtectionPolicyService {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** Makes the policy of a scope and type, or changes its action. */
  async setProtectionPolicy(actor: Actor, input: SetProtectionPolicy): Promise<ProtectionPolicy> {
    assertProtectionPolicy(input);
    const semanticType = semanticTypeOf(input.semanticType)?.name ?? input.semanticType;
    return this.#em.fork().transactional(async (tx) => {
      await tx.execute(
        `insert into protection_policy (id, scope, scope_name, semantic_type, action, created_at, updated_at)
         values (?, ?, ?, ?, ?, now(), now())
         on conflict (scope, scope_name, semantic_type) do update set action = excluded.action, updated_at = now()`,
        [newId(), input.scope, input.scopeName, semanticType, input.action],
      );
      const policy = await tx.findOneOrFail(ProtectionPolicySchema, {
        scope: input.scope,
        scopeName: input.scopeName,
        semanticType,
      });
      audit(tx, actor, {
        action: 'setProtectionPolicy',
        resourceType: 'ProtectionPolicy',
        resourceId: policy.id,
        details: { scope: input.scope, scopeName: input.scopeName, semanticType, action: input.action },
      });
      return policy;
    });
  }
}
