import { createHash, timingSafeEqual } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { type Actor, localActor } from '../../domain/access/actor.ts';
import { type Role, roleNames } from '../../domain/access/role.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { IdentityProvider } from './ports.ts';

/** Tokens that a process keeps in mind. */
const knownMax = 10_000;
/** A revocation is told at once; this is for when the telling is lost. */
const knownMs = 30_000;

/** How the names of those begin whom a provider vouches for, so that nobody has the name of another. */
const oidcPrefix = 'oidc:';
/** Three parts in base64url with dots between. No token of ours has a dot. */
const jwtPattern = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** True for names that no token may have, because somebody else goes by them. */
export function isReservedName(name: string): boolean {
  return (
    name.startsWith(oidcPrefix) || ['local', 'api-token', 'anonymous', 'system', 'retention-schedule'].includes(name)
  );
}

interface KnownToken {
  readonly id: string;
  readonly roles: readonly Role[];
  /** By the clock of this process: when the token is over, or has to be looked up anew. */
  readonly untilMs: number;
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
  readonly #known = new Map<string, KnownToken>();

  constructor(deps: {
    readonly em: EntityManager;
    /** The token of the environment, which has every role. Without it and without a provider authentication is off. */
    readonly apiToken: string | null;
    readonly provider: IdentityProvider | null;
  }) {
    this.#em = deps.em;
    this.#provider = deps.provider;
    this.#apiToken = deps.apiToken === null ? null : Buffer.from(tokenDigest(deps.apiToken), 'hex');
  }

  /**
   * The actor of a request with this `Authorization` header: a token as Bearer, or as the password of Basic. It is answered at
   * once where the token is known.
   * @throws LinewardError UNAUTHENTICATED
   */
  actorOf(header: string | undefined, requestId: string): Actor | Promise<Actor> {
    if (this.#apiToken === null && this.#provider === null) return localActor(requestId);
    const token = tokenIn(header);
    if (token === null) throw unauthenticated();
    if (this.#provider !== null && jwtPattern.test(token)) return this.#identified(this.#provider, token, requestId);
    const digest = tokenDigest(token);
    if (this.#apiToken !== null && timingSafeEqual(Buffer.from(digest, 'hex'), this.#apiToken))
      return { id: 'api-token', kind: 'token', roles: roleNames, requestId };
    const known = this.#known.get(digest);
    if (known !== undefined && Date.now() < known.untilMs) return actorWith(known, requestId);
    return this.#read(digest).then((read) => {
      if (read === null) throw unauthenticated();
      return actorWith(read, requestId);
    });
  }

  async #identified(provider: IdentityProvider, token: string, requestId: string): Promise<Actor> {
    const { subject, roles } = await provider.identify(token);
    return { id: `${oidcPrefix}${subject}`, kind: 'oidc', roles, requestId };
  }

  /** A token was changed. */
  forget(digest: string): void {
    this.#known.delete(digest);
  }

  /** Tokens may have changed. */
  forgetAll(): void {
    this.#known.clear();
  }

  async #read(digest: string): Promise<KnownToken | null> {
    this.#known.delete(digest);
    const [row] = await this.#em.fork().execute(
      `select name, roles, extract(epoch from expires_at - now()) * 1000 as ms_left from api_token
       where digest = ? and revoked_at is null and (expires_at is null or expires_at > now())`,
      [digest],
    );
    if (row === undefined) return null;
    const { name, roles, ms_left: msLeft } = tokenRow.parse(row);
    const known = { id: name, roles, untilMs: Date.now() + Math.min(knownMs, msLeft ?? knownMs) };
    const [oldest] = this.#known.keys();
    if (this.#known.size >= knownMax && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(digest, known);
    return known;
  }
}

const actorWith = ({ id, roles }: KnownToken, requestId: string): Actor => ({ id, kind: 'token', roles, requestId });

function tokenIn(header: string | undefined): string | null {
  const [scheme = '', credentials = ''] = (header ?? '').split(' ');
  if (scheme.toLowerCase() === 'bearer') return credentials;
  if (scheme.toLowerCase() !== 'basic') return null;
  return Buffer.from(credentials, 'base64').toString('utf8').split(':').slice(1).join(':');
}

const unauthenticated = (): LinewardError =>
  new LinewardError('UNAUTHENTICATED', 'Send an API token as "Authorization: Bearer <token>".');
