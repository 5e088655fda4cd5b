import type { Env } from './config/env.ts';
import type { Logger } from './domain/logger.ts';
import type { Parts } from './open-parts.ts';
import type { AccessGuard } from './services/access/access-guard.ts';
import { DecisionReadModel } from './services/governance/decision.read-model.ts';
import { GovernanceReadModel } from './services/governance/governance.read-model.ts';
import { GovernanceService } from './services/governance/governance.service.ts';
import { MinimumRetentionService } from './services/governance/minimum-retention.service.ts';
import { RetainReader } from './services/governance/retains.ts';
import { RetentionPolicyReadModel } from './services/governance/retention-policy.read-model.ts';
import { RetentionPolicyService } from './services/governance/retention-policy.service.ts';
import { ScopedMinimumService } from './services/governance/scoped-minimum.service.ts';
import { ApprovalReadModel } from './services/operations/approval.read-model.ts';
import { ApprovalPolicyService } from './services/operations/approval-policy.service.ts';

/** What says which data must be kept. `retainsChanged` is told of each hold and minimum that comes or goes. */
export function buildGovernance(
  env: Env,
  logger: Logger,
  {
    database: { em },
    access,
    now,
    retainsChanged,
  }: Pick<Parts, 'database'> & {
    readonly access: AccessGuard;
    readonly now: () => Date;
    readonly retainsChanged: () => Promise<void>;
  },
) {
  const changed = () =>
    retainsChanged().catch((error: unknown) => {
      logger.warn({ error }, 'topics are compared with holds and minimums at the next interval only');
    });
  return {
    retains: new RetainReader({ em, now }),
    governance: new GovernanceReadModel({ em }),
    governanceService: new GovernanceService({ em, releaseByTwo: env.HOLD_RELEASE_BY_TWO, holdsChanged: changed }),
    minimumRetentions: new MinimumRetentionService({ em, access, now, changed }),
    scopedMinimums: new ScopedMinimumService({ em, access, now, changed }),
    retentionPolicies: new RetentionPolicyReadModel({ em }),
    retentionPolicyService: new RetentionPolicyService({ em, changed }),
    approvals: new ApprovalReadModel({ em }),
    approvalPolicies: new ApprovalPolicyService({ em, access }),
    decisions: new DecisionReadModel({ em, now }),
  };
}
