import { printSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import type { Situation } from './subject-situation.ts';
import { WeighedCache } from './weighed-cache.ts';

/** Most subjects, and most contexts, that a process keeps in mind. */
const metMax = 10_000;

/**
 * What a process expects of a subject that it has never met: that it is new, and that its context has the settings of the last
 * new one. The write proves it, see `Situation.around`, so a registration that was expected well is one statement, not two.
 */
export class ExpectedSituation {
  readonly #met = new WeighedCache<string, true>({ entriesMax: metMax, weightMax: metMax });
  readonly #new = new WeighedCache<string, { readonly situation: Situation; readonly aheadMs: number }>({
    entriesMax: metMax,
    weightMax: metMax,
  });

  /** The situation to be expected; null for a subject that was met, and for a context that nothing is known of. */
  of(subject: SubjectName): Situation | null {
    if (this.#met.get(printSubjectName(subject)) !== undefined) return null;
    const known = this.#new.get(subject.context);
    if (known === undefined) return null;
    return { ...known.situation, subject, at: new Date(Date.now() + known.aheadMs) };
  }

  /** Remembers a situation that was just read. */
  learn(situation: Situation): void {
    const { subject, state, at } = situation;
    this.#met.set(printSubjectName(subject), true, 1);
    // A subject that was there may have settings of its own.
    if (state === null) this.#new.set(subject.context, { situation, aheadMs: at.getTime() - Date.now() }, 1);
  }
}
