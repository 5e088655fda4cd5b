import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import type { ProtectionAction } from '../../domain/privacy/protection-action.ts';
import {
  assertProtectionPolicy,
  type ProtectionParams,
  type ProtectionScope,
} from '../../domain/privacy/protection-policy.ts';
import { type ProtectionPolicy, ProtectionPolicySchema } from '../../entities/protection-policy.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { SemanticTypeReadModel } from './semantic-type.read-model.ts';

export interface SetProtectionPolicy {
  readonly scope: ProtectionScope;
  /** Empty for GLOBAL. */
  readonly scopeName: string;
  /** Empty for a policy of a classification, as that is for one of a type. */
  readonly semanticType: string;
  readonly classification: string;
  readonly action: ProtectionAction;
  readonly params: ProtectionParams;
}

/** Says what is done to values of a semantic type, and where. Streams follow from their next batch on. */
export class ProtectionPolicyService {
  readonly #em: EntityManager;

  readonly #types: SemanticTypeReadModel;

  constructor(deps: { readonly em: EntityManager; readonly semanticTypes: SemanticTypeReadModel }) {
    this.#em = deps.em;
    this.#types = deps.semanticTypes;
  }

  /** Makes the policy of a scope and type or classification, or changes what it does. */
  async setProtectionPolicy(actor: Actor, input: SetProtectionPolicy): Promise<ProtectionPolicy> {
    const types = await this.#types.known();
    assertProtectionPolicy(input, types);
    const { scope, scopeName, classification, action, params } = input;
    const semanticType = types.find(input.semanticType)?.name ?? '';
    return this.#em.fork().transactional(async (tx) => {
      await tx.execute(
        `insert into protection_policy
           (id, scope, scope_name, semantic_type, classification, action, params, created_at, updated_at)
         values (?, ?, ?, ?, ?, ?, ?, now(), now())
         on conflict (scope, scope_name, semantic_type, classification)
         do update set action = excluded.action, params = excluded.params, updated_at = now()`,
        [newId(), scope, scopeName, semanticType, classification, action, JSON.stringify(params)],
      );
      const key = { scope, scopeName, semanticType, classification };
      const policy = await tx.findOneOrFail(ProtectionPolicySchema, key);
      audit(tx, actor, {
        action: 'setProtectionPolicy',
        resourceType: 'ProtectionPolicy',
        resourceId: policy.id,
        details: { ...key, action, params },
      });
      return policy;
    });
  }

  /** Takes a policy away; from then on the next wider one holds, or the type's own action. */
  async deleteProtectionPolicy(actor: Actor, id: string): Promise<string> {
    return this.#em.fork().transactional(async (tx) => {
      const policy = await tx.findOne(ProtectionPolicySchema, { id });
      if (policy === null)
        throw new LinewardError('NOT_FOUND', 'id: there is no such protection policy', { path: ['id'] });
      const { scope, scopeName, semanticType, classification, action } = policy;
      tx.remove(policy);
      audit(tx, actor, {
        action: 'deleteProtectionPolicy',
        resourceType: 'ProtectionPolicy',
        resourceId: id,
        details: { scope, scopeName, semanticType, classification, action },
      });
      return id;
    });
  }
}
