import { actor, sealItems, withCrypto } from './crypto-parts.ts';
import type { Bench, BenchCase } from './harness.ts';

const million = 1_000_000;
const measuredAt = [million, 5 * million, 10 * million] as const;
const batch = 10_000;
const mebibyte = 1024 * 1024;

/** Encrypts and redacts 10 million values, each another, in calls of 10,000, and looks at the memory on the way. */
function run(): Promise<readonly BenchCase[]> {
  return withCrypto(async (crypto) => {
    const cases: BenchCase[] = [];
    let first: NodeJS.MemoryUsage | null = null;
    for (let done = 0; done < 10 * million; done += batch) {
      const numbers = Array.from({ length: batch }, (_, index) => `+1${4_150_000_000 + done + index}`);
      await crypto.seal(actor, sealItems(numbers));
      const items = numbers.map((value) => ({ ref: null, value, semanticType: 'phonenumber', derived: false }));
      await crypto.redact(actor, items);
      if (!measuredAt.some((count) => count === done + batch)) continue;
      const memory = process.memoryUsage();
      first ??= memory;
      cases.push(...memoryCases(done + batch, memory, first));
    }
    return cases;
  });
}

function memoryCases(count: number, memory: NodeJS.MemoryUsage, first: NodeJS.MemoryUsage): readonly BenchCase[] {
  const parts = { 'resident memory': 'rss', 'heap in use': 'heapUsed', 'external memory': 'external' } as const;
  return Object.entries(parts).map(([label, part]) => ({
    case: `${label} after ${count / million} million values`,
    value: memory[part] / mebibyte,
    unit: 'MiB',
    reference: { name: 'after 1 million', value: first[part] / mebibyte },
    ratio: memory[part] / first[part],
  }));
}

export const bench: Bench = {
  name: 'privacy-memory',
  about: 'Memory of a process that encrypts and redacts 10 million values; takes minutes.',
  run,
};
