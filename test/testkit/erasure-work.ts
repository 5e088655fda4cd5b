import type { ExecutionContext } from '../../src/services/operations/ports.ts';

/** An erasure, as executors hear of it. */
export const erasureWork = {
  work: { kind: 'ERASURE', entityId: null },
  planned: { action: 'REWRITE', files: 0, bytes: 0, records: 0, seconds: 0, gaps: [], manifest: [] },
} as const satisfies Pick<ExecutionContext, 'work' | 'planned'>;
