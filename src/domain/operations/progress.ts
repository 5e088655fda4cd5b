/** How far the work in one place is, as who does it counts. */
export interface TargetProgress {
  readonly done: number;
  readonly total: number;
  readonly unit: 'files' | 'messages' | 'keys';
  /** Of the units done, and of all; absent where units have no size. */
  readonly bytes?: { readonly done: number; readonly total: number };
  /** Removed or changed so far by an execution, read so far by a verification; absent where nobody counts before the end. */
  readonly records?: number;
}

/** The same with the time that it takes. Work of earlier versions was recorded without. */
export interface PacedProgress extends TargetProgress {
  /** ISO 8601, UTC: when this worker began. */
  readonly startedAt?: string;
  /** Seconds that the rest takes at the speed so far; null as long as there is none. */
  readonly secondsLeft?: number | null;
}

/**
 * Knows how fast the work of one phase goes. It starts from what was done at the first report, since whoever takes up the work
 * of another finds a part done, in no time.
 */
export class Pace {
  readonly #startedAtMs: number;
  #first: { readonly share: number; readonly atMs: number } | null = null;

  constructor(nowMs: number) {
    this.#startedAtMs = nowMs;
  }

  at(progress: TargetProgress, nowMs: number): PacedProgress {
    const share = shareOf(progress);
    this.#first ??= { share, atMs: nowMs };
    const gained = share - this.#first.share;
    const seconds = ((1 - share) / gained) * ((nowMs - this.#first.atMs) / 1_000);
    // A clock that was put back tells nothing.
    const secondsLeft = gained <= 0 || seconds < 0 ? null : Math.min(Math.round(seconds), secondsMax);
    const left = share >= 1 ? 0 : secondsLeft;
    return { ...progress, startedAt: new Date(this.#startedAtMs).toISOString(), secondsLeft: left };
  }
}

/** What an `Int` of GraphQL holds. */
const secondsMax = 2 ** 31 - 1;

/** By size where there is one: a large file takes longer than a small one. */
function shareOf({ done, total, bytes }: TargetProgress): number {
  const [part, whole] = bytes === undefined || bytes.total === 0 ? [done, total] : [bytes.done, bytes.total];
  return whole === 0 ? 1 : part / whole;
}
