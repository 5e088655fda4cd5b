import { AccessPolicies, noPolicies } from '../../src/domain/access/access-decision.ts';
import type { Action } from '../../src/domain/access/role.ts';
import type { AccessGuard } from '../../src/services/access/access-guard.ts';

const by = (policies: AccessPolicies): Pick<AccessGuard, 'may' | 'explain'> => ({
  may: (actor, action) => policies.allowsSome(actor, action),
  explain: async (actor, action, resource) => policies.explain(actor, action, resource),
});

/** Decides by roles alone, as where nobody has made a policy. */
export const byRoles = by(noPolicies);

/** Decides by roles, and by a policy that keeps an actor from something. */
export const denying = (action: Action, actorId: string) =>
  by(
    new AccessPolicies([
      {
        ...{ name: 'p', version: 1, effect: 'DENY', actions: [action], roles: [], actors: [actorId] },
        ...{ namespaces: [], names: [], classifications: [], accounts: [], purposes: [] },
        ...{ validFrom: null, validUntil: null },
      },
    ]),
  );
