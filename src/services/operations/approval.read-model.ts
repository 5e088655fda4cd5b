import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { roleNames } from '../../domain/access/role.ts';
import { operationKinds } from '../../domain/operations/status.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import type { ApprovalDelegation, ApprovalPolicyRow } from '../../entities/approval.entity.ts';
import { keysetPage } from '../keyset-page.ts';

const limit = z.coerce.number().nullable();
const roles = z.array(z.enum(roleNames));

const policyRow = z
  .object({
    name: z.string(),
    kinds: z.array(z.enum(operationKinds)).nullable(),
    classifications: z.array(z.string()).nullable(),
    over_targets: limit,
    over_subjects: limit,
    over_records: limit,
    over_bytes: limit,
    approvals: z.number(),
    roles: roles.nullable(),
    by_requester: z.boolean(),
    set_by: z.string(),
    set_at: z.coerce.date(),
  })
  .transform(
    ({
      over_targets,
      over_subjects,
      over_records,
      over_bytes,
      by_requester,
      set_by,
      set_at,
      ...row
    }): ApprovalPolicyRow => ({
      ...row,
      ...{ overTargets: over_targets, overSubjects: over_subjects, overRecords: over_records, overBytes: over_bytes },
      ...{ byRequester: by_requester, setBy: set_by, setAt: set_at },
    }),
  );

const delegationRow = z
  .object({
    id: z.string(),
    from_actor: z.string(),
    from_kind: z.enum(['local', 'token', 'oidc', 'system']),
    from_roles: roles,
    to_actor: z.string(),
    reason: z.string(),
    starts_at: z.coerce.date(),
    ends_at: z.coerce.date(),
    revoked_at: z.coerce.date().nullable(),
    revoked_by: z.string().nullable(),
  })
  .transform(
    (row): ApprovalDelegation => ({
      ...{ id: row.id, fromActor: row.from_actor, fromKind: row.from_kind, fromRoles: row.from_roles },
      ...{ toActor: row.to_actor, reason: row.reason, startsAt: row.starts_at, endsAt: row.ends_at },
      ...{ revokedAt: row.revoked_at, revokedBy: row.revoked_by },
    }),
  );

/** Questions about who must approve what, and in whose name. */
export class ApprovalReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  approvalPolicies(request: PageRequest): Promise<Page<ApprovalPolicyRow>> {
    return keysetPage(this.#em.fork(), {
      table: 'approval_policy',
      order: [{ column: 'name', type: 'text' }],
      request,
      parse: (row) => policyRow.parse(row),
    });
  }

  approvalDelegations(request: PageRequest): Promise<Page<ApprovalDelegation>> {
    return keysetPage(this.#em.fork(), {
      table: 'approval_delegation',
      // UUIDv7: newest first.
      order: [{ column: 'id', type: 'text', descending: true }],
      request,
      parse: (row) => delegationRow.parse(row),
    });
  }
}
