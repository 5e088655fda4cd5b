import { isNobody, keptDaysInOrder, type Selection, type SubjectSelector } from '../../domain/governance/selection.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { Companion, ExecutionContext, Notary } from '../operations/ports.ts';

/** What one of several operations asks for in a pass that they share. */
export interface SharedPart {
  readonly targetId: string;
  readonly selection: Selection;
  readonly digest: string;
}

/** A selection with a keyed digest that is equal for equal selections. */
export interface JudgedSelection {
  /** Of all that share the pass. */
  readonly selection: Selection;
  readonly digest: string;
  /** Of the operation that does the work. */
  readonly own: Selection;
  /** Of the others, and how much of a file is their own has to be counted; none where it works alone. */
  readonly companions: readonly SharedPart[];
}

/** Reads what may be acted on at a moment, for an operation and those that come along with it. */
export class JointSelection {
  readonly #context: ExecutionContext;
  readonly #companions: readonly Companion[];
  readonly #mark: unknown;
  readonly #notary: Notary;
  #last: { readonly read: readonly Selection[]; readonly judged: JudgedSelection } | null = null;

  constructor(
    { notary, mark }: { readonly notary: Notary; readonly mark: unknown },
    context: ExecutionContext,
    companions: readonly Companion[],
  ) {
    this.#notary = notary;
    this.#mark = mark;
    this.#context = context;
    this.#companions = companions;
  }

  /** Reads holds again. The same object while nothing changed, since much is derived from it. */
  async now(): Promise<JudgedSelection> {
    const own = await this.#context.selectionNow();
    const others: Selection[] = [];
    for (const companion of this.#companions) others.push(await companion.selectionNow());
    const read = [own, ...others];
    if (this.#last?.read.every((selection, index) => selection === read[index])) return this.#last.judged;
    const companions = this.#companions.flatMap(({ targetId }, index) => {
      const selection = others[index];
      if (selection === undefined || isNobody(selection)) return [];
      // What dates keep of a file is told as an open point of the one who asked, so each asks for itself.
      if (goesByDate(own) || goesByDate(selection)) return [];
      return [{ targetId, selection, digest: this.#digest(selection) }];
    });
    const selection = companions.length === 0 ? own : together([own, ...companions.map((one) => one.selection)]);
    const judged = { selection, digest: this.#digest(selection), own, companions };
    this.#last = { read, judged };
    return judged;
  }

  #digest({ everyone, act, keep, minimum, keepWithin }: Selection): string {
    return this.#notary.digest({
      act: keysOf(act),
      keep: keysOf(keep),
      ...(everyone && { everyone }),
      ...(this.#mark !== null && { mark: this.#mark }),
      ...(minimum !== undefined && { minimum: { ...minimum } }),
      ...(keepWithin !== undefined && { keepWithin: keptDaysInOrder(keepWithin) }),
    });
  }
}

const goesByDate = ({ minimum, keepWithin }: Selection): boolean => minimum !== undefined || keepWithin !== undefined;

/** What the selection of another may bring about, and not the file. */
const faultsOfOthers: readonly string[] = ['LAKE_TABLE_REFUSED', 'LAKE_ENGINE_FAILED'];

/** Runs a step for all at once, and for the own selection alone where others may be what it failed for: they fail for themselves. */
export async function apart<T>(judged: JudgedSelection, step: (judged: JudgedSelection) => Promise<T>): Promise<T> {
  try {
    return await step(judged);
  } catch (error) {
    if (judged.companions.length === 0 || !(error instanceof LinewardError) || !faultsOfOthers.includes(error.code))
      throw error;
    return step(alone(judged));
  }
}

/** Without those that come along; the digest stays, since it is by all that the file was judged. */
export const alone = (judged: JudgedSelection): JudgedSelection => ({
  ...judged,
  selection: judged.own,
  companions: [],
});

/** What a hold keeps it keeps from all: it stands against accounts, whoever asks for them. */
function together(selections: readonly Selection[]): Selection {
  const distinct = (all: readonly SubjectSelector[]) => [...new Map(all.map((one) => [keyOf(one), one])).values()];
  return {
    act: distinct(selections.flatMap(({ act }) => act)),
    keep: distinct(selections.flatMap(({ keep }) => keep)),
  };
}

const keyOf = ({ accountId, subject }: SubjectSelector): string =>
  JSON.stringify([accountId, subject?.field ?? null, subject?.value ?? null]);

/** Selectors in an order of their own: holds are read in any. */
const keysOf = (selectors: readonly SubjectSelector[]): readonly string[] => selectors.map(keyOf).sort();
