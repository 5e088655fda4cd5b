import type { BenchCase } from './harness.ts';

type Subject = () => Promise<readonly BenchCase[]>;

const envelopes = (size: number) => async () => (await import('./privacy-envelopes.ts')).envelopeCases(size);
const bulk = (size: number) => async () => (await import('./privacy-bulk.ts')).bulkCases(size);

/** What is measured, each in a process that has loaded and run nothing else. */
const apart: Readonly<Record<string, Subject>> = {
  'envelopes of 32 B': envelopes(32),
  'envelopes of 256 B': envelopes(256),
  'encryption SDK': async () => (await import('./privacy-sdk.ts')).encryptionSdkCases(256),
  messages: async () => (await import('./privacy-redaction.ts')).messageCases(),
  'telephone numbers': async () => (await import('./privacy-redaction.ts')).phoneCases(),
  'mail addresses': async () => (await import('./privacy-redaction.ts')).mailCases(),
  'bulk of 32 B': bulk(32),
  'bulk of 256 B': bulk(256),
  calls: async () => (await import('./privacy-calls.ts')).callCases(),
};

/** One process that has loaded the whole product and run the other subjects before, as one that serves for long has. */
async function mixed(): Promise<readonly BenchCase[]> {
  await import('../src/app.ts');
  for (const name of ['encryption SDK', 'envelopes of 32 B', 'telephone numbers', 'mail addresses'])
    await apart[name]?.();
  const [message] = await (await import('./privacy-redaction.ts')).messageCases();
  return message === undefined ? [] : [{ ...message, case: 'the same in one process behind all others, protectJson' }];
}

export const subjects: Readonly<Record<string, Subject>> = { ...apart, mixed };
