/** What one process carried for a stream since it was last told. */
export interface StreamWork {
  /** Records that were written on. */
  readonly passed: number;
  /** Records of which a notice was written instead. */
  readonly setAside: number;
  /** Of keys and values that were read. */
  readonly bytes: number;
}

/** A stream as a process that has the consumer role sees it. */
export interface StreamReport {
  readonly streamId: string;
  /** Why it does not go on here, and since when; null while it does. */
  readonly fault: { readonly reason: string; readonly since: Date } | null;
  readonly work: StreamWork;
}

/** Counts what a process carries for a stream. */
export class StreamTally {
  #passed = 0;
  #setAside = 0;
  #bytes = 0;

  add({ passed, setAside, bytes }: StreamWork): void {
    this.#passed += passed;
    this.#setAside += setAside;
    this.#bytes += bytes;
  }

  /** Since the process began. */
  get sum(): StreamWork {
    return { passed: this.#passed, setAside: this.#setAside, bytes: this.#bytes };
  }
}

export const noWork: StreamWork = { passed: 0, setAside: 0, bytes: 0 };

/** What came after `earlier`. */
export const workSince = (sum: StreamWork, earlier: StreamWork): StreamWork => ({
  passed: sum.passed - earlier.passed,
  setAside: sum.setAside - earlier.setAside,
  bytes: sum.bytes - earlier.bytes,
});

/** A stream as the metrics of one process show it. */
export interface StreamMetric {
  readonly streamId: string;
  readonly hasFault: boolean;
  /** Since the process began. */
  readonly work: StreamWork;
  /** Offsets that are not read in the partitions of the process; null where it has none, or nobody knows. */
  readonly lag: number | null;
}
