/** One measured case beside its reference. `ratio` is value / reference: above 1 is better than the reference. */
export interface BenchCase {
  readonly case: string;
  readonly value: number;
  readonly unit: string;
  readonly reference: { readonly name: string; readonly value: number } | null;
  readonly ratio: number | null;
}

export interface Bench {
  readonly name: string;
  readonly about: string;
  run(): Promise<readonly BenchCase[]>;
}

/** Runs `work` one after the other for about `seconds`; answers runs a second and the median time of one. */
export async function measure(
  work: () => Promise<unknown>,
  seconds = 3,
): Promise<{ perSecond: number; medianMs: number }> {
  for (let warm = 0; warm < 5; warm += 1) await work();
  const times: number[] = [];
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  times.sort((one, other) => one - other);
  const total = times.reduce((sum, time) => sum + time, 0);
  return { perSecond: (times.length * 1_000) / total, medianMs: times[Math.floor(times.length / 2)] ?? 0 };
}

/**
 * Measures several works turn by turn, so that what disturbs the machine disturbs all of them alike; answers the median
 * rate of each.
 */
export async function measureInTurns<Name extends string>(
  works: Readonly<Record<Name, () => Promise<unknown>>>,
  rounds = 5,
  seconds = 1,
): Promise<Readonly<Record<Name, number>>> {
  const names = Object.keys(works) as Name[];
  const rates = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) rates.get(name)?.push((await measure(works[name], seconds)).perSecond);
  }
  const medians = names.map((name) => {
    const sorted = (rates.get(name) ?? []).sort((one, other) => one - other);
    return [name, sorted[Math.floor(sorted.length / 2)] ?? 0] as const;
  });
  return Object.fromEntries(medians) as Record<Name, number>;
}

/** A case that is measured beside nothing. */
export const plainCase = (name: string, value: number, unit: string): BenchCase => ({
  ...{ case: name, value, unit },
  reference: null,
  ratio: null,
});

/** A case with its reference and their ratio. */
export function beside(
  name: string,
  value: number,
  unit: string,
  reference: { readonly name: string; readonly value: number },
): BenchCase {
  return { case: name, value, unit, reference, ratio: value / reference.value };
}

/** A number from the command line, `--name=…`. */
export const flag = (name: string, otherwise: number): number =>
  Number(process.argv.find((word) => word.startsWith(`--${name}=`))?.split('=')[1] ?? otherwise);

export const median = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
