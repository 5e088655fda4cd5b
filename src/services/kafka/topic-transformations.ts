import type { OperationWork, TargetPlace } from '../../domain/operations/target.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccountKeyService } from '../privacy/account-key.service.ts';
import type { ProtectionReadModel } from '../privacy/protection.read-model.ts';
import { keysOf } from './stream.read-model.ts';
import type { TopicAction } from './topic-action.ts';
import { TopicProtection, type TopicProtectionDeps } from './topic-protection.ts';
import { TopicRewrap } from './topic-rewrap.ts';

/** Makes what operations other than erasures do to the values of a topic, by kind. */
export type TopicTransformations = Readonly<
  Record<'PROTECTION' | 'REWRAP', (place: TargetPlace, work: OperationWork) => Promise<TopicAction>>
>;

export function topicTransformations(
  deps: TopicProtectionDeps & {
    readonly policies: Pick<ProtectionReadModel, 'planOf'>;
    readonly keys: AccountKeyService;
  },
): TopicTransformations {
  return {
    PROTECTION: async ({ accountField, subjectFields }, { entityId }) => {
      if (entityId === null) throw new LinewardError('INTERNAL', 'a protection without an entity');
      const entity = { entityId, accountField, subjectFields };
      return new TopicProtection(deps, await deps.policies.planOf(entityId, keysOf(entity)), entity);
    },
    REWRAP: async ({ accountField }) => new TopicRewrap(deps, accountField),
  };
}
