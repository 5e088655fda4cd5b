import type { GiveRows } from './ports.ts';

/**
 * Work that gives batches away, as something that batches are taken from: it goes on when one was taken, so that no more than one
 * waits. What it throws is thrown to the taker behind the last batch.
 */
export async function* pulled(work: (give: GiveRows) => Promise<void>): AsyncGenerator<readonly string[]> {
  const waiting: { readonly rows: readonly string[]; taken(): void }[] = [];
  let end: { readonly error: unknown } | null = null;
  let wake = (): void => undefined;
  const finish = (error: unknown): void => {
    end = { error };
    wake();
  };
  const give: GiveRows = (rows) =>
    new Promise((taken) => {
      waiting.push({ rows, taken });
      wake();
    });
  void work(give).then(() => finish(null), finish);
  for (;;) {
    const next = waiting.shift();
    if (next !== undefined) {
      yield next.rows;
      next.taken();
    } else {
      const { error = undefined } = end ?? {};
      if (error === null) return;
      if (error !== undefined) throw error;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}
