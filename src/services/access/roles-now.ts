import type { EntityManager } from '@mikro-orm/postgresql';
import type { StandingActor } from '../../domain/access/actor.ts';
import { type Role, roleNames } from '../../domain/access/role.ts';
import { lastLogin } from './oidc-logins.ts';

/**
 * What somebody is by now in whose name something is done. Of who acts by a token of ours that counts what the token is now: one
 * that was revoked or ran out gives nothing. Of who logs in with a provider the newest login that was seen counts: nobody else tells.
 */
export async function rolesNow(em: EntityManager, { id, kind, roles }: StandingActor): Promise<readonly Role[]> {
  if (kind === 'local' || id === 'api-token') return roleNames;
  if (kind === 'oidc') return (await lastLogin(em, id)) ?? roles;
  if (kind !== 'token') return roles;
  const [token] = await em.execute<{ roles: string[] }[]>(
    `select roles from api_token where name = ? and revoked_at is null and (expires_at is null or expires_at > now())`,
    [id],
  );
  return roleNames.filter((role) => token?.roles.includes(role) === true);
}
