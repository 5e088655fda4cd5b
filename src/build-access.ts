import type { Env } from './config/env.ts';
import type { Logger } from './domain/logger.ts';
import type { Parts } from './open-parts.ts';
import { AccessGuard } from './services/access/access-guard.ts';
import { ApiTokenReadModel } from './services/access/api-token.read-model.ts';
import { ApiTokenService } from './services/access/api-token.service.ts';
import { Authentication } from './services/access/authentication.ts';

/** Who asks, and what they may do. */
export function buildAccess(
  env: Env,
  logger: Logger,
  { database: { em }, identityProvider }: Pick<Parts, 'database' | 'identityProvider'>,
) {
  return {
    authentication: new Authentication({
      em,
      apiToken: env.LINEWARD_API_TOKEN?.reveal() ?? null,
      provider: identityProvider,
    }),
    access: new AccessGuard({ em, logger }),
    apiTokens: new ApiTokenReadModel({ em }),
    apiTokenService: new ApiTokenService({ em }),
  };
}
