/** Who asks, and in which request. Every service verb takes one; every audit event names it. */
export interface Actor {
  readonly id: string;
  readonly kind: 'local' | 'token' | 'system';
  readonly requestId: string | null;
}

/** The actor of work that the product starts by itself (sweeper, consumers). */
export const systemActor: Actor = { id: 'system', kind: 'system', requestId: null };
