import { expectReadable, expectSound } from '../parquet/sound-file.ts';
import { failedFinding, reading } from './duckdb-failure.ts';
import { type Outcome, outcomesOf } from './outcome.ts';
import { expectFile } from './parquet-facts.ts';

/** Fails as {@link expectSound}, also where there is no file. */
export async function expectSoundFile(path: string, columns: readonly string[] | null): Promise<void> {
  await expectFile(path);
  await reading(path, async () => expectSound(path, columns));
}

/** Fails as {@link expectReadable}, also where there is no file. */
export async function expectReadableFile(path: string): Promise<void> {
  await expectFile(path);
  await reading(path, async () => expectReadable(path));
}

/** Asks about the files that pass a check, and tells of each other one why it does not; in the order of all. */
export async function amongPassing<T extends { readonly path: string }>(
  files: readonly string[],
  check: (path: string) => Promise<void>,
  ask: (passing: readonly string[]) => Promise<readonly T[]>,
): Promise<readonly (T | ReturnType<typeof failedFinding>)[]> {
  const answers = new Map<string, T | ReturnType<typeof failedFinding>>();
  for (const path of files) {
    try {
      await check(path);
    } catch (error) {
      answers.set(path, failedFinding(error, path));
    }
  }
  const passing = files.filter((path) => !answers.has(path));
  for (const answer of await ask(passing)) answers.set(answer.path, answer);
  return files.flatMap((path) => answers.get(path) ?? []);
}

/** Files whose pages are as they were written, and what is wrong with the others; in the order of all. */
export function soundOutcomes<T>(files: readonly T[], pathOf: (file: T) => string): Promise<readonly Outcome<T>[]> {
  return outcomesOf(files, async (file) => {
    await expectSoundFile(pathOf(file), null);
    return file;
  });
}
