import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { PlaceScope } from '../../domain/governance/place-scope.ts';
import {
  type PolicyState,
  policyStateNames,
  type UncoveredReason,
  uncoveredReasonNames,
} from '../../domain/governance/retention-policy.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import { type RetentionPolicy, RetentionPolicySchema } from '../../entities/retention-policy.entity.ts';
import { keysetPage, keysetPages } from '../keyset-page.ts';
import { type EffectiveRetention, effectiveRetentions, retentionRules } from './retention-rules.ts';

/** One version of a policy, as it was set. */
export interface RetentionPolicyVersion {
  readonly version: number;
  readonly days: number;
  readonly autoApprove: boolean;
  readonly scope: PlaceScope;
  readonly setBy: string;
  readonly setAt: Date;
}

/** A dataset that the scope of a policy names, and what becomes of it there. */
export interface PolicyPlace {
  readonly datasetId: string;
  readonly isNamed: boolean;
  readonly state: PolicyState;
  readonly uncovered: UncoveredReason | null;
}

const names = z.array(z.string()).nullable();
const scopeShape = z.object({
  datasetIds: names,
  namespaces: names,
  entityIds: names,
  classifications: names,
  lineageDownstream: z.boolean(),
});

const versionRow = z
  .object({
    version: z.number(),
    days: z.number(),
    auto_approve: z.boolean(),
    scope: scopeShape,
    set_by: z.string(),
    set_at: z.coerce.date(),
  })
  .transform(
    ({ auto_approve: autoApprove, set_by: setBy, set_at: setAt, ...row }): RetentionPolicyVersion => ({
      ...row,
      ...{ autoApprove, setBy, setAt },
    }),
  );

const placeRow = z
  .object({
    dataset_id: z.string(),
    is_named: z.boolean(),
    state: z.enum(policyStateNames),
    uncovered: z.enum(uncoveredReasonNames).nullable(),
  })
  .transform(
    ({ dataset_id: datasetId, is_named: isNamed, ...row }): PolicyPlace => ({ ...row, ...{ datasetId, isNamed } }),
  );

const places = `(
  with ${retentionRules}
  select r.policy_id, r.dataset_id, d.name, r.is_named, r.uncovered,
    case when r.uncovered is not null then 'UNCOVERED' when r.line = 1 then 'IN_FORCE' else 'OVERRULED' end as state
  from retention_rule r join dataset d on d.id = r.dataset_id where r.policy_id is not null
) placed`;

/** Questions about retention policies, and what goes by them. */
export class RetentionPolicyReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** By name. */
  retentionPolicies(request: PageRequest, { retired }: { readonly retired: boolean }): Promise<Page<RetentionPolicy>> {
    const em = this.#em.fork();
    return keysetPage(em, {
      table: 'retention_policy',
      where: { sql: retired ? 'true' : 'retired_at is null', params: [] },
      order: [{ column: 'name', type: 'text' }],
      request,
      parse: (row) => em.map(RetentionPolicySchema, row as Record<string, unknown>),
    });
  }

  versionsOf(
    policyIds: readonly string[],
    request: PageRequest,
  ): Promise<(id: string) => Page<RetentionPolicyVersion>> {
    return keysetPages(this.#em.fork(), {
      table: 'retention_policy_version',
      parent: { column: 'policy_id', ids: policyIds },
      order: [{ column: 'version', type: 'integer', descending: true }],
      request,
      parse: (row) => versionRow.parse(row),
    });
  }

  /** Datasets that scopes of policies in force name at this moment, by name; in one state, or in any for null. */
  placesOf(
    policyIds: readonly string[],
    request: PageRequest,
    state: PolicyState | null,
  ): Promise<(id: string) => Page<PolicyPlace>> {
    return keysetPages(this.#em.fork(), {
      table: { sql: places, params: [] },
      parent: { column: 'policy_id', ids: policyIds },
      ...(state === null ? {} : { where: { sql: 'state = ?', params: [state] } }),
      order: [
        { column: 'name', type: 'text' },
        { column: 'dataset_id', type: 'text' },
      ],
      request,
      parse: (row) => placeRow.parse(row),
    });
  }

  /** How long datasets keep their records by date, and who says so; those of which nothing is said are absent. */
  effectiveRetentions(datasetIds: readonly string[]): Promise<ReadonlyMap<string, EffectiveRetention>> {
    return effectiveRetentions(this.#em.fork(), datasetIds);
  }
}
