import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Page, PageRequest } from '../../domain/page.ts';
import { compileProtection } from '../../domain/privacy/compile-protection.ts';
import { protectionActions } from '../../domain/privacy/protection-action.ts';
import type { ProtectionPlan } from '../../domain/privacy/protection-plan.ts';
import { keyScopes, protectionScopes, removalForms } from '../../domain/privacy/protection-policy.ts';
import type { ProtectionPolicy } from '../../entities/protection-policy.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { keysetPage } from '../keyset-page.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import { textArray } from '../sql.ts';
import type { PlannedFields } from './planned-fields.ts';
import type { SemanticTypeReadModel } from './semantic-type.read-model.ts';
import type { TokenKeys } from './token-keys.ts';

const policyRow = z
  .object({
    id: z.string(),
    scope: z.enum(protectionScopes),
    scope_name: z.string(),
    semantic_type: z.string(),
    classification: z.string(),
    action: z.enum(protectionActions),
    params: z.object({
      removalForm: z.enum(removalForms).nullish(),
      suite: z.union([z.literal(1), z.literal(2), z.literal(3)]).nullish(),
      keyScope: z.enum(keyScopes).nullish(),
      padding: z.boolean().nullish(),
    }),
    created_at: z.coerce.date(),
    updated_at: z.coerce.date(),
  })
  .transform(
    (row): ProtectionPolicy => ({
      id: row.id,
      scope: row.scope,
      scopeName: row.scope_name,
      semanticType: row.semantic_type,
      classification: row.classification,
      action: row.action,
      params: row.params,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    }),
  );

/** How the records of an entity name whose they are, and whether fields without a type are refused. */
export interface PlanKeys {
  readonly accountField: string | null;
  readonly subjectField?: string | null;
  readonly strict?: boolean;
}

/** Policies, and what they come to for an entity. */
export class ProtectionReadModel {
  readonly #em: EntityManager;
  readonly #registry: RegistryReadModel;
  readonly #types: SemanticTypeReadModel;
  readonly #tokens: TokenKeys;
  readonly #fields: PlannedFields;

  constructor(deps: {
    readonly em: EntityManager;
    readonly registry: RegistryReadModel;
    readonly semanticTypes: SemanticTypeReadModel;
    readonly tokenKeys: TokenKeys;
    readonly plannedFields: PlannedFields;
  }) {
    this.#em = deps.em;
    this.#registry = deps.registry;
    this.#types = deps.semanticTypes;
    this.#tokens = deps.tokenKeys;
    this.#fields = deps.plannedFields;
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

  /**
   * What happens to each field of the newest version of an entity, or of that of a schema, under the policies in force now.
   * @throws LinewardError NOT_FOUND when there is no such entity or version; SCHEMA_INVALID for fields without a type under `strict`.
   */
  async planOf(entityId: string, keys: PlanKeys, schemaId: number | null = null): Promise<ProtectionPlan> {
    const [entity] = await this.#registry.entitiesById([entityId]);
    const latest = await this.#registry.latestVersion(entityId, schemaId);
    if (entity === undefined || latest === null) throw new LinewardError('NOT_FOUND', 'there is no such entity');
    const rows = await this.#em.fork().execute('select * from protection_policy');
    const policies = rows.map((row) => policyRow.parse(row));
    const types = await this.#types.known();
    const usesTokens =
      policies.some((policy) => policy.action === 'TOKENIZE') ||
      types.all.some(({ redaction }) => redaction.kind === 'TOKEN');
    return compileProtection({
      entityFullName: `${entity.namespace}.${entity.name}`,
      namespace: entity.namespace,
      fields: await this.#fields.of(latest.version, latest.fields),
      policies,
      types,
      tokenize: usesTokens ? await this.#tokens.tokenize() : null,
      accountField: keys.accountField,
      subjectField: keys.subjectField ?? null,
      strict: keys.strict ?? false,
    });
  }
}
