import { randomBytes } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { Role } from '../../domain/access/role.ts';
import { assertText } from '../../domain/governance/selection.ts';
import { newId } from '../../domain/id.ts';
import { type ApiToken, ApiTokenSchema } from '../../entities/api-token.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { type Authentication, isReservedName, tokenDigest } from './authentication.ts';

const nameCharsMax = 200;
/**
 * The audit log and approvals name actors by it: no letters that look like others, no blanks that nobody sees, no comma, which
 * stands between approvers.
 */
const namePattern = /^[a-z\d](?:[\w.@+/-]| (?=[^ ]))*$/i;
const secretBytes = 32;

export interface CreateApiToken {
  /** The name under which the token acts; of one token that is not revoked, in whatever case. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Null for a token that is good until it is revoked. */
  readonly expiresAt: Date | null;
}

/** Makes and revokes tokens. */
export class ApiTokenService {
  readonly #em: EntityManager;
  readonly #authentication: Pick<Authentication, 'forget'>;

  constructor(deps: { readonly em: EntityManager; readonly authentication: Pick<Authentication, 'forget'> }) {
    this.#em = deps.em;
    this.#authentication = deps.authentication;
  }

  /**
   * Makes a token; its text is answered this once. Who may grant may grant every role: that nobody takes one in silence is what
   * the audit log is for.
   * @throws LinewardError BAD_INPUT, CONFLICT when the name is taken.
   */
  async createApiToken(
    actor: Actor,
    input: CreateApiToken,
  ): Promise<{ readonly token: ApiToken; readonly secret: string }> {
    assertText(input.name, ['name'], nameCharsMax);
    if (!namePattern.test(input.name))
      throw new LinewardError(
        'BAD_INPUT',
        'name: takes letters from a to z, digits, . _ @ + / - and single blanks between them',
        { path: ['name'] },
      );
    if (isReservedName(input.name))
      throw new LinewardError('BAD_INPUT', 'name: somebody else goes by it', { path: ['name'] });
    const roles = [...new Set(input.roles)];
    if (roles.length === 0) throw new LinewardError('BAD_INPUT', 'roles: name at least one', { path: ['roles'] });
    const now = new Date();
    if (input.expiresAt !== null && input.expiresAt <= now)
      throw new LinewardError('BAD_INPUT', 'expiresAt: is over already', { path: ['expiresAt'] });
    const secret = `lw_${randomBytes(secretBytes).toString('base64url')}`;
    const token = await this.#em.fork().transactional(async (tx) => {
      await tx.execute(`select pg_advisory_xact_lock(hashtext('lineward.api_token'))`);
      const taken = await tx.execute<unknown[]>(
        'select 1 from api_token where lower(name) = lower(?) and revoked_at is null limit 1',
        [input.name],
      );
      if (taken.length > 0)
        throw new LinewardError('CONFLICT', 'name: another token has it; revoke that one first', { path: ['name'] });
      const made = tx.create(ApiTokenSchema, {
        ...{ id: newId(), name: input.name, digest: tokenDigest(secret), roles, expiresAt: input.expiresAt },
        ...{ createdBy: actor.id, createdAt: now, revokedBy: null, revokedAt: null },
      });
      tx.persist(made);
      audit(tx, actor, {
        action: 'createApiToken',
        resourceType: 'ApiToken',
        resourceId: made.id,
        details: { name: input.name, roles, expiresAt: input.expiresAt?.toISOString() ?? null },
      });
      return made;
    });
    return { token, secret };
  }

  /** Ends a token at once, in all processes. A token may end itself. @throws LinewardError NOT_FOUND, CONFLICT */
  async revokeApiToken(actor: Actor, id: string): Promise<ApiToken> {
    const revoked = await this.#em.fork().transactional(async (tx) => {
      const token = await tx.findOne(ApiTokenSchema, { id });
      if (token === null) throw new LinewardError('NOT_FOUND', 'id: there is no such token', { path: ['id'] });
      if (token.revokedAt !== null)
        throw new LinewardError('CONFLICT', 'The token is revoked already.', { path: ['id'] });
      token.revokedAt = new Date();
      token.revokedBy = actor.id;
      audit(tx, actor, {
        action: 'revokeApiToken',
        resourceType: 'ApiToken',
        resourceId: id,
        details: { name: token.name },
      });
      return token;
    });
    // In this process with the very next request, before notice of it has come.
    this.#authentication.forget(revoked.digest);
    return revoked;
  }
}
