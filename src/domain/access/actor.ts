import { type Role, roleNames } from './role.ts';

/** Who asks, and in which request. Every service verb takes one; every audit event names it. */
export interface Actor {
  readonly id: string;
  readonly kind: 'local' | 'token' | 'oidc' | 'system';
  readonly roles: readonly Role[];
  readonly requestId: string | null;
}

/** Somebody in whose name something is done later; the roles are those of then. */
export type StandingActor = Pick<Actor, 'id' | 'kind' | 'roles'>;
export const standing = ({ id, kind, roles }: Actor): StandingActor => ({ id, kind, roles });

/** The actor of work that the product starts by itself (sweeper, consumers). What that may do is in the code that starts it. */
export const systemActor: Actor = { id: 'system', kind: 'system', roles: [], requestId: null };

/** Who asks for what a retention rule of a table says, and approves what it may. */
export const retentionActor: Actor = { ...systemActor, id: 'retention-schedule' };

/** Who asks for runs of transformers that are due by their schedules. */
export const scheduleActor: Actor = { ...systemActor, id: 'transformer-schedule' };

/** Who takes up erasures again that were deferred. */
export const ledgerActor: Actor = { ...systemActor, id: 'erasure-ledger' };

/** Who asks where authentication is off, which is possible on loopback alone: whoever can reach it may do everything. */
export const localActor = (requestId: string | null): Actor => ({
  id: 'local',
  kind: 'local',
  roles: roleNames,
  requestId,
});

/** A webhook, as policies name it. No token can have such a name. */
export const webhookActor = (name: string): Actor => ({
  id: `webhook:${name}`,
  kind: 'token',
  roles: [],
  requestId: null,
});
