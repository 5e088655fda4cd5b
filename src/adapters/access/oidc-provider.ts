import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';
import { type Role, roleNames } from '../../domain/access/role.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { IdentityProvider, VouchedFor } from '../../services/access/ports.ts';

/** Signatures alone, by keys that the provider publishes: with a shared secret whoever can verify could also sign. */
const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const clockToleranceSeconds = 60;
const timeoutMs = 5_000;
const subjectCharsMax = 200;

const discovery = z.object({ issuer: z.string(), jwks_uri: z.url() });

export interface OidcSettings {
  /** As tokens name it, e.g. `https://login.example.com/realms/company`. */
  readonly issuer: string;
  /** What tokens must be for. */
  readonly audience: string;
  /** Claim with the roles, an array or words with blanks between; dots lead into objects. */
  readonly rolesClaim: string;
}

/** Reads access tokens of an OpenID Connect provider: signed JWTs (RFC 9068), whose keys it finds by discovery. */
export class OidcProvider implements IdentityProvider {
  readonly #settings: OidcSettings;
  #keys: Promise<JWTVerifyGetKey> | null = null;

  constructor(settings: OidcSettings) {
    this.#settings = settings;
  }

  async identify(token: string): Promise<VouchedFor> {
    const { issuer, audience, rolesClaim } = this.#settings;
    const keys = await this.#provided();
    try {
      const { payload } = await jwtVerify(token, keys, {
        ...{ issuer, audience, algorithms, clockTolerance: clockToleranceSeconds },
        requiredClaims: ['exp', 'sub'],
      });
      const { sub: subject = '' } = payload;
      if (subject === '' || subject.length > subjectCharsMax || /[\p{Cc}\p{Cs}]/u.test(subject))
        throw new LinewardError('UNAUTHENTICATED', 'The token names nobody that can be written down.');
      const issuedAt = payload.iat === undefined ? null : new Date(payload.iat * 1_000);
      return { subject, roles: rolesIn(payload, rolesClaim), issuedAt };
    } catch (error) {
      throw refusalOf(error);
    }
  }

  /** The keys of the provider; looked for again where they were not found. */
  #provided(): Promise<JWTVerifyGetKey> {
    this.#keys ??= this.#discover().catch((error: unknown) => {
      this.#keys = null;
      throw error instanceof LinewardError ? error : unavailable('its discovery document cannot be read', error);
    });
    return this.#keys;
  }

  async #discover(): Promise<JWTVerifyGetKey> {
    const { issuer } = this.#settings;
    const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const response = await fetch(address, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' });
    if (!response.ok) throw unavailable(`${address} answered ${response.status}`);
    const found = discovery.parse(await response.json());
    if (found.issuer !== issuer) throw unavailable(`${address} names another issuer than OIDC_ISSUER`);
    return createRemoteJWKSet(new URL(found.jwks_uri), { timeoutDuration: timeoutMs });
  }
}

function rolesIn(payload: JWTPayload, claim: string): readonly Role[] {
  let value: unknown = payload;
  for (const part of claim.split('.'))
    value = typeof value === 'object' && value !== null && Object.hasOwn(value, part) ? Reflect.get(value, part) : null;
  const given = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : [];
  return roleNames.filter((role) => given.includes(role));
}

function refusalOf(error: unknown): LinewardError {
  if (error instanceof LinewardError) return error;
  if (error instanceof errors.JWTExpired)
    return new LinewardError('UNAUTHENTICATED', 'The token is over; log in again.');
  const isProviders = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid;
  if (isProviders || !(error instanceof errors.JOSEError) || error.code === 'ERR_JOSE_GENERIC')
    return unavailable('its keys cannot be read', error);
  // What exactly does not fit is for the log of the provider, not for who forges tokens.
  return new LinewardError('UNAUTHENTICATED', 'The token does not verify.', { cause: error });
}

const unavailable = (why: string, cause?: unknown): LinewardError =>
  new LinewardError('IDENTITY_PROVIDER_UNAVAILABLE', `The service that people log in to: ${why}.`, { cause });
