import type { Actor } from '../../src/domain/access/actor.ts';
import type { Logger } from '../../src/domain/logger.ts';

export const tester: Actor = { id: 'tester', kind: 'local', roles: [], requestId: null };

/** Swallows everything; `LOG_TESTS=1` prints instead. */
export const quietLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (facts, message) => {
    if (process.env.LOG_TESTS === '1') console.warn(message, facts);
  },
  error: (facts, message) => {
    if (process.env.LOG_TESTS === '1') console.error(message, facts);
  },
  child: () => quietLogger,
};
