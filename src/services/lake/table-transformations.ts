import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccountKeyService } from '../privacy/account-key.service.ts';
import type { ProtectionReadModel } from '../privacy/protection.read-model.ts';
import type { ProtectionService } from '../privacy/protection.service.ts';
import type { LakeTableDeps } from './lake-table.executor.ts';
import { TableProtection } from './table-protection.ts';
import { TableRewrap } from './table-rewrap.ts';

/** What operations other than erasures do to the values of a table, by kind. */
export function tableTransformations(deps: {
  readonly policies: Pick<ProtectionReadModel, 'planOf'>;
  readonly protection: Pick<ProtectionService, 'protectTexts'>;
  readonly keys: AccountKeyService;
}): LakeTableDeps['transformations'] {
  return {
    PROTECTION: async ({ accountField, subjectFields }, { entityId }) => {
      if (entityId === null) throw new LinewardError('INTERNAL', 'a protection without an entity');
      const plan = await deps.policies.planOf(entityId, { accountField, subjectField: subjectFields[0] ?? null });
      return new TableProtection(plan, deps.protection);
    },
    REWRAP: async ({ accountField }) => new TableRewrap(deps.keys, accountField),
  };
}
