import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Page, PageRequest } from '../../domain/page.ts';
import { compileProtection } from '../../domain/privacy/compile-protection.ts';
import { protectionActions } from '../../domain/privacy/protection-action.ts';
import type { ProtectionPlan } from '../../domain/privacy/protection-plan.ts';
import { protectionScopes } from '../../domain/privacy/protection-policy.ts';
import type { ProtectionPolicy } from '../../entities/protection-policy.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { keysetPage } from '../keyset-page.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import { textArray } from '../sql.ts';

const policyRow = z
  .object({
    id: z.string(),
    scope: z.enum(protectionScopes),
    scope_name: z.string(),
    semantic_type: z.string(),
    action: z.enum(protectionActions).exclude(['TOKENIZE']),
    created_at: z.coerce.date(),
    updated_at: z.coerce.date(),
  })
  .transform(
    (row): ProtectionPolicy => ({
      id: row.id,
      scope: row.scope,
      scopeName: row.scope_name,
      semanticType: row.semantic_type,
      action: row.action,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    }),
  );

/** Policies, and what they come to for an entity. */
export class ProtectionReadModel {
  readonly #em: EntityManager;
  readonly #registry: RegistryReadModel;

  constructor(deps: { readonly em: EntityManager; readonly registry: RegistryReadModel }) {
    this.#em = deps.em;
    this.#registry = deps.registry;
  }

  protectionPolicies(request: PageRequest): Promise<Page<ProtectionPolicy>> {
    return keysetPage(this.#em.fork(), {
      table: 'protection_policy',
      order: [{ column: 'id', type: 'text' }],
      request,
      parse: (row) => policyRow.parse(row),
    });
  }

  async policiesById(ids: readonly string[]): Promise<readonly ProtectionPolicy[]> {
    const rows = await this.#em
      .fork()
      .execute('select * from protection_policy where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => policyRow.parse(row));
  }

  /** What happens to each field of the newest version of an entity under the policies in force now. */
  async planOf(entityId: string, accountField: string | null): Promise<ProtectionPlan> {
    const [entity] = await this.#registry.entitiesById([entityId]);
    const latest = await this.#registry.latestVersion(entityId);
    if (entity === undefined || latest === null) throw new LinewardError('NOT_FOUND', 'there is no such entity');
    const rows = await this.#em.fork().execute('select * from protection_policy');
    return compileProtection({
      entityFullName: `${entity.namespace}.${entity.name}`,
      namespace: entity.namespace,
      fields: latest.fields.map(({ path, nullable, semanticType }) => ({
        path,
        nullable,
        semanticType: semanticType ?? null,
      })),
      policies: rows.map((row) => policyRow.parse(row)),
      accountField,
      strict: false,
    });
  }
}
