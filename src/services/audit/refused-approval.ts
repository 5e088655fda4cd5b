import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from './audit.service.ts';

/** What somebody wanted to approve or agree to. */
export interface Approvable {
  readonly resourceType: 'LegalHold' | 'Operation' | 'TopicRetention';
  readonly resourceId: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Does the work, and leaves an event where the approval is refused: the transaction of the work has written nothing then. */
export async function tellingRefusal<T>(
  em: EntityManager,
  actor: Actor,
  { resourceType, resourceId, details }: Approvable,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LinewardError && error.code === 'APPROVAL_REFUSED')
      await em.fork().transactional(async (tx) => {
        const event = { action: 'refuseApproval', outcome: 'REFUSED' } as const;
        audit(tx, actor, { ...event, resourceType, resourceId, details: { ...details, reason: error.message } });
      });
    throw error;
  }
}
