/** Where a process kills itself: around one call of one of its ports. */
export interface KillPoint<Port extends string = string> {
  readonly port: Port;
  readonly verb: string;
  readonly when: 'before' | 'after';
  /** Which call of the verb, from 1. */
  readonly nth: number;
}

/** What each call of a port goes through, so that the process is gone at the point. */
export function killer<Port extends string>(kill: KillPoint<Port> | null) {
  return (port: Port) => {
    let calls = 0;
    return async (verb: string, call: () => unknown): Promise<unknown> => {
      if (kill?.port !== port || kill.verb !== verb) return call();
      calls += 1;
      const isNow = calls === kill.nth;
      if (isNow && kill.when === 'before') await die();
      const result = await call();
      if (isNow) await die();
      return result;
    };
  };
}

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
}
