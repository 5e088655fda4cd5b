import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import { operationHeader } from '../../../src/services/kafka/erased-records.ts';
import type { KafkaMessage } from '../../../src/services/kafka/ports.ts';
import { TopicVerification } from '../../../src/services/kafka/topic-verification.ts';
import type { ExecutionContext } from '../../../src/services/operations/ports.ts';
import { bareRecords } from '../../testkit/records.ts';

interface Line {
  readonly key: string | null;
  /** Null: a tombstone. */
  readonly account: string | null;
  readonly by?: string;
}

const asked: Selection = { act: [{ accountId: 'A' }], keep: [] };

const messagesOf = (lines: readonly Line[]): readonly KafkaMessage[] =>
  lines.map(({ key, account, by }, offset) => ({
    partition: 0,
    offset: String(offset),
    timestamp: '0',
    key: key === null ? null : Buffer.from(key),
    value: account === null ? null : Buffer.from(JSON.stringify({ account })),
    headers: by === undefined ? {} : { [operationHeader]: Buffer.from(by) },
  }));

function verify(lines: readonly Line[], keysMax = 1_000) {
  const messages = messagesOf(lines);
  const context = {
    operationId: 'ours',
    place: { name: 'topic', accountField: 'account', subjectFields: [] },
    signal: new AbortController().signal,
    selectionNow: async () => asked,
    requested: async () => asked,
  } as unknown as ExecutionContext;
  const kafka = {
    scan: async (_topic: string, each: (message: KafkaMessage) => void | Promise<void>) => {
      for (const message of messages) await each(message);
    },
  };
  return new TopicVerification({ kafka, records: bareRecords, context, keysMax }).run();
}

/** The same by remembering every key of the topic. */
function remembering(lines: readonly Line[]) {
  const newest = new Map<string, string>();
  let [lost, keyless] = [0, 0];
  for (const { key, account, by } of lines) {
    if (key === null) keyless += account === 'A' ? 1 : 0;
    else if (account !== null) newest.set(key, account);
    else {
      if (by === 'ours' && newest.has(key) && newest.get(key) !== 'A') lost += 1;
      newest.delete(key);
    }
  }
  return { survivors: keyless + [...newest.values()].filter((account) => account === 'A').length, lost };
}

test('sees the survivors and losses that remembering the whole topic would see', async () => {
  const line = fc.record({
    key: fc.constantFrom('k1', 'k2', 'k3', null),
    account: fc.constantFrom('A', 'B', null),
    by: fc.constantFrom('ours', 'another'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 30 }), async (lines) => {
      expect(await verify(lines)).toMatchObject({ ...remembering(lines), recordsScanned: lines.length });
    }),
  );
});

describe('memory follows what was erased', () => {
  test('a topic of many others fits where a limit of few keys stands', async () => {
    const others = Array.from({ length: 500 }, (_, n) => ({ key: `k${n}`, account: 'B' }));
    const erased = [
      { key: 'x', account: 'A' },
      { key: 'x', account: null, by: 'ours' },
    ];
    expect(await verify([...others, ...erased], 1)).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 502 });
  });

  test.each([
    ['erased', (n: number) => ({ key: `k${n}`, account: null, by: 'ours' })],
    ['left', (n: number) => ({ key: `k${n}`, account: 'A' })],
  ] as const)('more keys that were %s than the limit are refused with the remedy', async (_what, lineOf) => {
    const lines = Array.from({ length: 6 }, (_, n) => lineOf(n));
    await expect(verify(lines, 5)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringMatching(/topic has more than 5 keys .* in parts/),
    });
  });
});
