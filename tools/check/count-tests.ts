import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

/** What Vitest's JSON report counts. A file that failed before its first test counts as one failure. */
export function testCount(report: unknown): { passed: number; failed: number; skipped: number; names: string[] } {
  const files = reportSchema.parse(report).testResults;
  const tests = files.flatMap(({ assertionResults }) => assertionResults);
  const broken = files.filter((file) => {
    const blamed = file.assertionResults.some(({ status }) => status === 'failed');
    return file.status === 'failed' && !blamed;
  });
  const passed = tests.filter(({ status }) => status === 'passed').length;
  const failed = tests.filter(({ status }) => status === 'failed').length;
  const rest = tests.filter(({ status }) => status !== 'passed' && status !== 'failed');
  return { passed, failed: failed + broken.length, skipped: rest.length, names: rest.map(({ fullName }) => fullName) };
}

/**
 * Prints the count of a report file as the last line. Ends with 1 when a test failed, none passed, or, on CI, one was
 * skipped.
 */
async function main(path: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => null);
  const count = testCount(text === null ? { testResults: [] } : JSON.parse(text));
  const { passed, failed, skipped, names } = count;
  for (const name of names) console.log(`skipped: ${name}`);
  if (text === null) console.log('The test run left no report.');
  const onCi = process.env.CI === 'true';
  if (onCi && skipped > 0) console.log('On CI no test may be skipped.');
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  if (failed > 0 || passed === 0 || (onCi && skipped > 0)) process.exitCode = 1;
}

if (import.meta.main) await main(process.argv[2] ?? '');
