import type { Actor } from '../domain/access/actor.ts';
import type { Loaders } from '../loaders/create-loaders.ts';
import type { AccessGuard } from '../services/access/access-guard.ts';
import type { VisibleThings } from '../services/access/visible-things.ts';
import type { ChangeFollowers } from '../services/changes/change-followers.ts';
import type { OperationEvents } from '../services/operations/ports.ts';

/** What every resolver of one request shares. */
export interface RequestContext {
  readonly actor: Actor;
  readonly requestId: string;
  /** Decides what the actor may do. */
  readonly access: AccessGuard;
  /** Tells whether what a request names is there for the actor. */
  readonly visibleThings: VisibleThings;
  /** Of this request, or of the present event of a subscription. */
  loaders: Loaders;
  /** Forgets what was loaded, so that the next event of a subscription reads anew. */
  renewLoaders(): void;
  readonly operationEvents: OperationEvents;
  readonly changeFollowers: ChangeFollowers;
}
