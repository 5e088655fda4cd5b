import { readFileSync } from 'node:fs';
import type { DuckdbEngine } from '../src/adapters/lake/duckdb/duckdb-engine.ts';

/** What the service and its engine have taken of the machine so far. */
export class LakeCost {
  readonly #engine: Pick<DuckdbEngine, 'childPid'>;

  constructor(engine: Pick<DuckdbEngine, 'childPid'>) {
    this.#engine = engine;
  }

  /** Seconds of processor time, of this process and of the engine's. */
  coreSeconds(): number {
    const pid = this.#engine.childPid;
    if (pid === undefined) return ownCoreSeconds();
    // Fields 14 and 15 behind the name in brackets, in ticks of a hundredth of a second.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return ownCoreSeconds() + (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** Most memory that the engine's process had at a time, in MB. */
  engineMegabytes(): number {
    const status = readFileSync(`/proc/${this.#engine.childPid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB/mu.exec(status)?.[1]) / 1024;
  }
}

export function ownCoreSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Of this process alone, which also generates the lake and runs the references; in MB. */
export const ownMegabytes = (): number => process.resourceUsage().maxRSS / 1024;
