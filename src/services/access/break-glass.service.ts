import type { AccessRule } from '../../domain/access/access-policy.ts';
import type { Actor } from '../../domain/access/actor.ts';
import type { Action } from '../../domain/access/role.ts';
import { newId } from '../../domain/id.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccessPolicy } from './access-policy.read-model.ts';
import type { AccessPolicyService } from './access-policy.service.ts';
import type { PoliciesInForce } from './policies-in-force.ts';

const minutesMax = 240;
/** What an emergency may need: to see. Nothing that destroys, releases, grants or approves. */
const elevations: readonly Action[] = [
  'READ_EVIDENCE',
  'READ_REDACTED',
  'READ_CLEAR',
  'READ_SUBJECTS',
  'READ_AUDIT',
  'DECRYPT',
  'OPERATE',
];

interface BreakGlass {
  readonly permission: Action;
  readonly reason: string;
  readonly minutes: number;
}

/** Lets whom a policy trusts with it take a permission in an emergency: for a short time, by themselves, and in sight of all. */
export class BreakGlassService {
  readonly #policies: PoliciesInForce;
  readonly #service: AccessPolicyService;

  constructor(deps: { readonly policies: PoliciesInForce; readonly service: AccessPolicyService }) {
    this.#policies = deps.policies;
    this.#service = deps.service;
  }

  /** @throws LinewardError BAD_INPUT; FORBIDDEN for what would not take effect, since a denial or duties kept apart stand before it. */
  async breakGlass(actor: Actor, { permission, reason, minutes }: BreakGlass): Promise<AccessPolicy> {
    if (!elevations.includes(permission))
      throw new LinewardError('BAD_INPUT', `permission: is one of ${elevations.join(', ')}`, { path: ['permission'] });
    if (!Number.isInteger(minutes) || minutes < 1 || minutes > minutesMax)
      throw new LinewardError('BAD_INPUT', `minutes: must be between 1 and ${minutesMax}`, { path: ['minutes'] });
    const now = new Date();
    const rule: AccessRule = {
      ...{ effect: 'ALLOW', actions: [permission], roles: [], actors: [actor.id] },
      ...{ namespaces: [], names: [], classifications: [], accounts: [], purposes: [] },
      ...{ validFrom: now, validUntil: new Date(now.getTime() + minutes * 60_000) },
    };
    const name = `break-glass ${newId()}`;
    const policies = (await this.#policies.current()).with({ ...rule, name, version: 1 });
    if (!policies.allows(actor, permission))
      throw new LinewardError(
        'FORBIDDEN',
        `${permission} stays closed to ${actor.id}: a policy denies it, or a role forbids it.`,
      );
    return this.#service.createElevation(actor, { name, rule, reason });
  }
}
