import { expect, test } from 'vitest';
import type { ActiveHold } from '../../../src/domain/governance/hold-scope.ts';
import { ExpiredPrefix } from '../../../src/domain/kafka/expired-prefix.ts';
import type { ReadRecord } from '../../../src/domain/kafka/record-content.ts';

const of = (account: string): ReadRecord => ({ ok: true, record: { account, user: 'U1' } });
const garbage: ReadRecord = { ok: false, fault: { kind: 'NOT_JSON' } };
const selectors = [{ accountId: 'AC9', subject: { field: 'user', value: 'U1' } }];
const everywhere = { id: 'h', confidential: false, datasets: null, dates: null, byLineage: new Set<string>() };
const hold: ActiveHold = { ...everywhere, selectors };

/** What can go of one partition, of which the first `expired` records are too old as the broker says. */
function seen(
  contents: readonly (ReadRecord | null)[],
  expired: number,
  {
    holds = [],
    timestamps = [],
  }: { readonly holds?: readonly ActiveHold[]; readonly timestamps?: readonly number[] } = {},
) {
  const prefix = new ExpiredPrefix({
    selection: { act: [{ accountId: 'AC1' }], keep: [] },
    reach: { youngFrom: 100, ends: new Map([[0, BigInt(expired)]]) },
    holds,
    accountField: 'account',
    holdFields: ['account', 'payer'],
    subjectFields: ['user'],
  });
  for (const [offset, content] of contents.entries())
    prefix.add({ partition: 0, offset: String(offset), timestamp: String(timestamps[offset] ?? 99) }, content);
  const [part] = prefix.parts();
  return { cut: Number(part?.cut ?? 0), records: part?.records ?? 0, others: part?.others ?? 0, left: prefix.left };
}

test.each([
  ['the last of the selection, and no further', [of('AC1'), of('AC2'), of('AC1'), of('AC2')], 4, [3, 2, 1, 0]],
  ['nothing that is too young', [of('AC1'), of('AC2'), of('AC1')], 2, [1, 1, 0, 1]],
  ['nothing where all is young', [of('AC1')], 0, [0, 0, 0, 1]],
  ['nothing behind what nobody can read', [of('AC1'), garbage, of('AC1')], 3, [1, 1, 0, 1]],
  ['tombstones on the way', [null, of('AC1'), null], 3, [2, 1, 1, 0]],
  ['nothing where nobody of the selection is', [of('AC2'), null], 2, [0, 0, 0, 0]],
] as const)('goes up to %s', (_, contents, expired, [cut, records, others, left]) => {
  expect(seen(contents, expired)).toEqual({ cut, records, others, left });
});

test('a record of somebody else under a hold ends it, though it is too old', () => {
  const contents = [of('AC1'), of('AC9'), of('AC1')];
  expect(seen(contents, 3, { holds: [hold] })).toEqual({ cut: 1, records: 1, others: 0, left: 1 });
  expect(seen(contents, 3)).toEqual({ cut: 3, records: 2, others: 1, left: 0 });
});

test('a hold finds who is named by the field of another entity', () => {
  const payer: ReadRecord = { ok: true, record: { payer: 'AC9', user: 'U1' } };
  expect(seen([payer, of('AC1')], 2, { holds: [hold] })).toEqual({ cut: 0, records: 0, others: 0, left: 1 });
});

test.each([
  ['is young, though the broker says that it is past its time', 100],
  ['has no timestamp', -1],
])('a record that %s ends it', (_, timestamp) => {
  const contents = [of('AC1'), of('AC2'), of('AC1')];
  expect(seen(contents, 3, { timestamps: [0, timestamp, 0] })).toEqual({ cut: 1, records: 1, others: 0, left: 1 });
});
