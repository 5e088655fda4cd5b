import { createHash, timingSafeEqual } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { isBound } from '../../domain/access/access-decision.ts';
import { type Actor, localActor, retentionActor, systemActor } from '../../domain/access/actor.ts';
import { roleNames } from '../../domain/access/role.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { LoginRefusals } from './login-refusals.ts';
import type { OidcLogins } from './oidc-logins.ts';
import type { PoliciesInForce } from './policies-in-force.ts';
import type { IdentityProvider } from './ports.ts';
import { readWhole } from './reader.ts';
import { type FoundToken, TokenMemory } from './token-memory.ts';

/** How the names of those begin whom a provider vouches for, so that nobody has the name of another. */
const oidcPrefix = 'oidc:';
/** Three parts in base64url with dots between. No token of ours has a dot. */
const jwtPattern = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** What tokens of ours look like. What does not is none, and the database need not be asked. */
const tokenPattern = /^lw_[\w-]{43}$/;

/** True for names that no token may have, because somebody else goes by them; however they are written. */
export function isReservedName(given: string): boolean {
  const name = given.toLowerCase();
  return (
    name.startsWith(oidcPrefix) || ['local', 'api-token', 'anonymous', systemActor.id, retentionActor.id].includes(name)
  );
}

const tokenRow = z.object({
  name: z.string(),
  roles: z.array(z.string()).transform((given) => roleNames.filter((role) => given.includes(role))),
  ms_left: z.coerce.number().nullable(),
});

/** SHA-256, hex: what is kept of a token. Its text has 256 random bits, so nothing slower is needed. */
export function tokenDigest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Finds out who asks. */
export class Authentication {
  readonly #em: EntityManager;
  readonly #apiToken: Buffer | null;
  readonly #provider: IdentityProvider | null;
  readonly #refusals: Pick<LoginRefusals, 'tell'>;
  readonly #logins: Pick<OidcLogins, 'note'>;
  readonly #policies: Pick<PoliciesInForce, 'current'>;
  readonly #tokens = new TokenMemory((digest) => readWhole(() => this.#read(digest)));

  constructor(deps: {
    readonly em: EntityManager;
    /** The token of the environment, which has every role. Without it and without a provider authentication is off. */
    readonly apiToken: string | null;
    readonly provider: IdentityProvider | null;
    readonly refusals: Pick<LoginRefusals, 'tell'>;
    readonly logins: Pick<OidcLogins, 'note'>;
    readonly policies: Pick<PoliciesInForce, 'current'>;
  }) {
    this.#em = deps.em;
    this.#policies = deps.policies;
    this.#provider = deps.provider;
    this.#refusals = deps.refusals;
    this.#logins = deps.logins;
    this.#apiToken = deps.apiToken === null ? null : Buffer.from(tokenDigest(deps.apiToken), 'hex');
  }

  /**
   * The actor of a request with this `Authorization` header: a token as Bearer, or as the password of Basic. It is answered at
   * once where the token, and what policies say, is known.
   * `address` is where it came from. @throws LinewardError UNAUTHENTICATED
   */
  actorOf(header: string | undefined, requestId: string, address: string): Actor | Promise<Actor> {
    const told = (error: unknown): never => {
      if (error instanceof LinewardError && error.code === 'UNAUTHENTICATED') this.#refusals.tell(address, header);
      throw error;
    };
    try {
      const actor = this.#actorOf(header, requestId);
      return actor instanceof Promise ? actor.catch(told) : actor;
    } catch (error) {
      return told(error);
    }
  }

  #actorOf(header: string | undefined, requestId: string): Actor | Promise<Actor> {
    const actor = this.#identity(header, requestId);
    if (!(actor instanceof Promise) && !isBound(actor)) return actor;
    const policies = this.#policies.current();
    if (!(actor instanceof Promise || policies instanceof Promise)) return actor;
    return Promise.all([actor, policies]).then(([found]) => found);
  }

  #identity(header: string | undefined, requestId: string): Actor | Promise<Actor> {
    if (this.#apiToken === null && this.#provider === null) return localActor(requestId);
    const token = tokenIn(header);
    if (token === null) throw unauthenticated();
    const digest = tokenDigest(token);
    // First: it is the way back in, also where it happens to look like a token of the provider.
    if (this.#apiToken !== null && timingSafeEqual(Buffer.from(digest, 'hex'), this.#apiToken))
      return { id: 'api-token', kind: 'token', roles: roleNames, requestId };
    if (this.#provider !== null && jwtPattern.test(token)) return this.#identified(this.#provider, token, requestId);
    if (!tokenPattern.test(token)) throw unauthenticated();
    const found = this.#tokens.find(digest);
    if (!(found instanceof Promise)) return actorWith(found, requestId);
    return found.then((read) => actorWith(read, requestId));
  }

  async #identified(provider: IdentityProvider, token: string, requestId: string): Promise<Actor> {
    const { subject, roles, issuedAt } = await provider.identify(token);
    const id = `${oidcPrefix}${subject}`;
    await this.#logins.note({ actor: id, roles, issuedAt });
    return { id, kind: 'oidc', roles, requestId };
  }

  /** A token was changed. */
  forget(digest: string): void {
    this.#tokens.forget(digest);
  }

  /** Tokens may have changed. */
  forgetAll(): void {
    this.#tokens.forgetAll();
  }

  async #read(digest: string): Promise<FoundToken | null> {
    const [row] = await this.#em.fork().execute(
      `select name, roles, extract(epoch from expires_at - now()) * 1000 as ms_left from api_token
       where digest = ? and revoked_at is null and (expires_at is null or expires_at > now())`,
      [digest],
    );
    if (row === undefined) return null;
    const { name, roles, ms_left: msLeft } = tokenRow.parse(row);
    return { id: name, roles, msLeft };
  }
}

/** @throws LinewardError UNAUTHENTICATED for a token that is not there. */
function actorWith(token: Pick<FoundToken, 'id' | 'roles'> | null, requestId: string): Actor {
  if (token === null) throw unauthenticated();
  return { id: token.id, kind: 'token', roles: token.roles, requestId };
}

function tokenIn(header: string | undefined): string | null {
  const [scheme = '', credentials = ''] = (header ?? '').split(' ');
  if (scheme.toLowerCase() === 'bearer') return credentials;
  if (scheme.toLowerCase() !== 'basic') return null;
  return Buffer.from(credentials, 'base64').toString('utf8').split(':').slice(1).join(':');
}

const unauthenticated = (): LinewardError =>
  new LinewardError('UNAUTHENTICATED', 'Send an API token as "Authorization: Bearer <token>".');
