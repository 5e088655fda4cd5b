import { LinewardError } from '../../../errors/lineward-error.ts';

/** What came of the work on one of several files; what fails for one does not end the others. */
export type Outcome<T> =
  | { readonly value: T; readonly error?: undefined }
  | { readonly value?: undefined; readonly error: LinewardError };

/** Runs work on one file. A database that calls itself broken, and what nobody foresaw, fails all. */
async function outcomeOf<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    if (!(error instanceof LinewardError) || error.details.retire === true) throw error;
    return { error };
  }
}

/** Work on some files, one after the other. */
export async function outcomesOf<T, U>(
  files: readonly T[],
  work: (file: T, index: number) => Promise<U>,
): Promise<readonly Outcome<U>[]> {
  const outcomes: Outcome<U>[] = [];
  for (const [index, file] of files.entries()) outcomes.push(await outcomeOf(() => work(file, index)));
  return outcomes;
}

/** The next step for all files that are still going; it answers in their order. */
export async function goingOn<T, U>(
  outcomes: readonly Outcome<T>[],
  step: (files: readonly T[]) => Promise<readonly Outcome<U>[]>,
): Promise<readonly Outcome<U>[]> {
  const going = outcomes.flatMap((one) => (one.error === undefined ? [one.value] : []));
  const answers = going.length === 0 ? [] : [...(await step(going))];
  return outcomes.flatMap((one) => (one.error === undefined ? answers.splice(0, 1) : [one]));
}
