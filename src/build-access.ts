import type { Env } from './config/env.ts';
import type { Logger } from './domain/logger.ts';
import type { Parts } from './open-parts.ts';
import { AccessGuard } from './services/access/access-guard.ts';
import { ApiTokenReadModel } from './services/access/api-token.read-model.ts';
import { ApiTokenService } from './services/access/api-token.service.ts';
import { Authentication } from './services/access/authentication.ts';
import { LoginRefusals } from './services/access/login-refusals.ts';

/** Who asks, and what they may do. */
export function buildAccess(
  env: Env,
  logger: Logger,
  { database: { em }, identityProvider, notary }: Pick<Parts, 'database' | 'identityProvider' | 'notary'>,
) {
  const loginRefusals = new LoginRefusals({ em, logger, digest: (value) => notary.digest(value) });
  return {
    authentication: new Authentication({
      em,
      apiToken: env.LINEWARD_API_TOKEN?.reveal() ?? null,
      provider: identityProvider,
      refusals: loginRefusals,
    }),
    loginRefusals,
    access: new AccessGuard({ em, logger }),
    apiTokens: new ApiTokenReadModel({ em }),
    apiTokenService: new ApiTokenService({ em }),
  };
}
