import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { type AccessRule, type NamedRule, policyEffects } from '../../domain/access/access-policy.ts';
import { type Action, actions, roleNames } from '../../domain/access/role.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import { keysetPage, keysetPages } from '../keyset-page.ts';
import { textArray } from '../sql.ts';

const instant = z.iso
  .datetime()
  .transform((text) => new Date(text))
  .nullable();
const texts = z.array(z.string());
const actionNames = Object.keys(actions) as Action[];

const ruleDocument = z.object({
  effect: z.enum(policyEffects),
  actions: texts.transform((given) => actionNames.filter((action) => given.includes(action))),
  roles: texts.transform((given) => roleNames.filter((role) => given.includes(role))),
  ...{ actors: texts, namespaces: texts, names: texts, classifications: texts, accounts: texts, purposes: texts },
  ...{ validFrom: instant, validUntil: instant },
});
const versionRow = z
  .object({
    ...{ rule: ruleDocument, reason: z.string(), created_by: z.string(), created_at: z.coerce.date() },
    ...{ policy_id: z.string(), number: z.number() },
  })
  .transform(
    (row): AccessPolicyVersion => ({
      ...{
        rule: row.rule,
        number: row.number,
        reason: row.reason,
        createdBy: row.created_by,
        createdAt: row.created_at,
      },
    }),
  );
const policyRow = z
  .object({
    ...{ id: z.string(), name: z.string(), version: z.number(), rule: ruleDocument, reason: z.string() },
    ...{ created_by: z.string(), created_at: z.coerce.date() },
    ...{ retired_by: z.string().nullable(), retired_at: z.coerce.date().nullable() },
  })
  .transform(
    (row): AccessPolicy => ({
      ...{ id: row.id, name: row.name, version: row.version, rule: row.rule, reason: row.reason },
      ...{ createdBy: row.created_by, createdAt: row.created_at },
      ...{ retiredBy: row.retired_by, retiredAt: row.retired_at },
    }),
  );

/** A policy as its newest version has it. */
export interface AccessPolicy {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly rule: AccessRule;
  readonly reason: string;
  /** Of the newest version. */
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly retiredBy: string | null;
  readonly retiredAt: Date | null;
}

/** What a policy was or is. */
export interface AccessPolicyVersion {
  readonly number: number;
  readonly rule: AccessRule;
  readonly reason: string;
  readonly createdBy: string;
  readonly createdAt: Date;
}

export const readPolicy = (row: unknown): AccessPolicy => policyRow.parse(row);

/** Questions about access policies. */
export class AccessPolicyReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** Newest first; those that were retired too. */
  accessPolicies(request: PageRequest): Promise<Page<AccessPolicy>> {
    return keysetPage(this.#em.fork(), {
      table: 'access_policy',
      where: { sql: 'true', params: [] },
      order: [{ column: 'id', type: 'text', descending: true }],
      request,
      parse: readPolicy,
    });
  }

  async accessPoliciesById(ids: readonly string[]): Promise<readonly AccessPolicy[]> {
    const rows = await this.#em
      .fork()
      .execute('select * from access_policy where id = any(?::text[])', [textArray(ids)]);
    return rows.map(readPolicy);
  }

  versionsOf(policyIds: readonly string[], request: PageRequest): Promise<(id: string) => Page<AccessPolicyVersion>> {
    return keysetPages(this.#em.fork(), {
      table: 'access_policy_version',
      parent: { column: 'policy_id', ids: policyIds },
      order: [{ column: 'number', type: 'integer', descending: true }],
      request,
      parse: (row) => versionRow.parse(row),
    });
  }

  /** All that may be in force now or later. */
  async living(): Promise<readonly NamedRule[]> {
    const rows = await this.#em.fork().execute(
      `select * from access_policy where retired_at is null
         and (rule->>'validUntil' is null or (rule->>'validUntil')::timestamptz > now()) order by id`,
    );
    return rows.map(readPolicy).map(({ rule, name, version }) => ({ ...rule, name, version }));
  }
}
