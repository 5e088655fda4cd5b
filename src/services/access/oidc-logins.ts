import type { EntityManager } from '@mikro-orm/postgresql';
import { type Role, roleNames } from '../../domain/access/role.ts';
import { textArray } from '../sql.ts';
import { readWhole } from './reader.ts';

/** What a login says of an actor. */
export interface Login {
  readonly actor: string;
  readonly roles: readonly Role[];
  /** Null where the provider does not tell. */
  readonly issuedAt: Date | null;
}

/** Actors that a process keeps in mind. */
const rememberedMax = 10_000;
/** Logins without a time count as new ones so often. */
const untimedMs = 60_000;

// Who delegated, or set a schedule, is known for as long as that lasts. An older login does not take the place of a newer one, whichever comes last.
const note = `
  with forgotten as (
    delete from oidc_login l where l.seen_at < now() - interval '92 days' and l.actor <> ? and not exists (
      select from approval_delegation d where d.from_actor = l.actor and d.revoked_at is null and d.ends_at > now())
      and not exists (select from transformer where schedule_owner ->> 'id' = l.actor)
  )
  insert into oidc_login (actor, roles, issued_at, seen_at) values (?, ?::text[], least(?::timestamptz, now()), now())
  on conflict (actor) do update set roles = excluded.roles, issued_at = excluded.issued_at, seen_at = excluded.seen_at
    where oidc_login.issued_at <= excluded.issued_at`;

/**
 * Keeps what the newest login of each actor said. Providers are not asked about people who are away, so this is all that is known
 * of who lends their approval. Each login is written once by each process.
 */
export class OidcLogins {
  readonly #em: EntityManager;
  readonly #noted = new Map<string, { readonly roles: string; readonly issuedMs: number }>();

  constructor({ em }: { readonly em: EntityManager }) {
    this.#em = em;
  }

  async note({ actor, roles, issuedAt }: Login): Promise<void> {
    const issued = issuedAt ?? new Date();
    const login = { roles: textArray(roles), issuedMs: issued.getTime() };
    const known = this.#noted.get(actor);
    if (known !== undefined) {
      const laterMs = login.issuedMs - known.issuedMs;
      if (laterMs < 0) return;
      if (login.roles === known.roles && laterMs <= (issuedAt === null ? untimedMs : 0)) return;
    }
    await readWhole(() => this.#em.fork().execute(note, [actor, actor, login.roles, issued.toISOString()]));
    this.#noted.delete(actor);
    const [oldest] = this.#noted.keys();
    if (this.#noted.size >= rememberedMax && oldest !== undefined) this.#noted.delete(oldest);
    this.#noted.set(actor, login);
  }
}

/** What the newest login of somebody said; null where none was seen. */
export async function lastLogin(em: EntityManager, actor: string): Promise<readonly Role[] | null> {
  const [row] = await em.execute<{ roles: string[] }[]>('select roles from oidc_login where actor = ?', [actor]);
  return row === undefined ? null : roleNames.filter((role) => row.roles.includes(role));
}
