import { z } from 'zod';
import { serverUrl } from './server-url.ts';

/** Settings of the service that people log in to. */
export const oidcSettings = {
  OIDC_ISSUER: serverUrl().describe(
    'Issuer of an OpenID Connect provider, whose access tokens are taken beside API tokens. Its keys are found by discovery.',
  ),
  OIDC_AUDIENCE: z
    .string()
    .min(1)
    .optional()
    .describe('What those tokens must be for (`aud`). Required with `OIDC_ISSUER`.'),
  OIDC_ROLES_CLAIM: z
    .string()
    .min(1)
    .default('roles')
    .describe('Claim with the roles; dots lead into objects, e.g. `realm_access.roles`.'),
};

export function oidcProblems({ OIDC_ISSUER, OIDC_AUDIENCE }: Readonly<Record<string, string | undefined>>) {
  return OIDC_ISSUER !== undefined && OIDC_AUDIENCE === undefined
    ? ['OIDC_AUDIENCE: is required with OIDC_ISSUER, or tokens for other services would open this one']
    : [];
}

/** What a provider is known by; null without one. */
export function oidcOf({
  OIDC_ISSUER: issuer,
  OIDC_AUDIENCE: audience,
  OIDC_ROLES_CLAIM: rolesClaim,
}: z.infer<z.ZodObject<typeof oidcSettings>>) {
  return issuer === undefined || audience === undefined ? null : { issuer, audience, rolesClaim };
}
