import type { Env } from './config/env.ts';
import type { Logger } from './domain/logger.ts';
import type { Parts } from './open-parts.ts';
import { AccessGuard } from './services/access/access-guard.ts';
import { AccessPolicyReadModel } from './services/access/access-policy.read-model.ts';
import { AccessPolicyService } from './services/access/access-policy.service.ts';
import { Allowances } from './services/access/allowances.ts';
import { ApiTokenReadModel } from './services/access/api-token.read-model.ts';
import { ApiTokenService } from './services/access/api-token.service.ts';
import { Authentication } from './services/access/authentication.ts';
import { BreakGlassService } from './services/access/break-glass.service.ts';
import { CatalogReaders } from './services/access/catalog-readers.ts';
import { LoginRefusals } from './services/access/login-refusals.ts';
import { OidcLogins } from './services/access/oidc-logins.ts';
import { PoliciesInForce } from './services/access/policies-in-force.ts';
import type { CarryingDatasets } from './services/access/ports.ts';
import { VisibleThings } from './services/access/visible-things.ts';

/** Who asks, and what they may do. */
export function buildAccess(
  env: Env,
  logger: Logger,
  {
    database: { em },
    identityProvider,
    notary,
    carrying,
  }: Pick<Parts, 'database' | 'identityProvider' | 'notary'> & { readonly carrying: CarryingDatasets },
) {
  const loginRefusals = new LoginRefusals({ em, logger, digest: (value) => notary.digest(value) });
  const accessPolicies = new AccessPolicyReadModel({ em });
  const policies = new PoliciesInForce({ accessPolicies });
  const accessPolicyService = new AccessPolicyService({ em, policies });
  const authentication = new Authentication({
    em,
    apiToken: env.LINEWARD_API_TOKEN?.reveal() ?? null,
    provider: identityProvider,
    refusals: loginRefusals,
    logins: new OidcLogins({ em }),
    policies,
  });
  const allowances = new Allowances({
    requestsPerMinute: env.API_REQUESTS_PER_MINUTE,
    costPerMinute: env.API_QUERY_COST_PER_MINUTE,
  });
  return {
    authentication,
    allowances,
    loginRefusals,
    access: new AccessGuard({ em, logger, policies }),
    apiTokens: new ApiTokenReadModel({ em }),
    apiTokenService: new ApiTokenService({ em, authentication }),
    accessPolicies,
    accessPolicyService,
    breakGlass: new BreakGlassService({ policies, service: accessPolicyService }),
    policiesInForce: policies,
    catalogReaders: new CatalogReaders({ policies, carrying }),
    visibleThings: new VisibleThings({ em, policies, kafkaNamespace: env.kafkaNamespace }),
  };
}
