import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type AccountKey,
  holderId,
  type KeyHolder,
  type KeyVersionName,
  versionId,
} from '../../../src/domain/privacy/key-holder.ts';
import { sealUnderKey } from '../../../src/domain/privacy/seal-under-key.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import type { ColumnTexts, ProfileResult } from '../../../src/services/lake/ports.ts';
import { TableRewrap } from '../../../src/services/lake/table-rewrap.ts';
import { TransformTally } from '../../../src/services/lake/table-transformation.ts';
import type { AccountKeyService } from '../../../src/services/privacy/account-key.service.ts';
import { SealedValues } from '../../../src/services/privacy/sealed-values.ts';

const secret = createSecretKey(randomBytes(32));
const keyOf = (accountId: string, version: number, scope = ''): AccountKey => ({
  id: `${accountId}-${version}`,
  accountId,
  scope,
  version,
  key: secret,
});
const sealed = (key: AccountKey, value: unknown, suite: 1 | 2 | 3 = 1, padding = false): string =>
  sealUnderKey(key, value, { semanticType: 'phonenumber', suite, padding });

/** Accounts AC1 and AC2 have version 2 in force; old versions answer `older`, and nobody else has keys. */
function keys(older: LinewardError | null = null) {
  const asked: string[] = [];
  const isKnown = ({ accountId }: KeyHolder) => accountId === 'AC1' || accountId === 'AC2';
  const version = (name: KeyVersionName) => {
    if (!isKnown(name) || name.version > 2) return new LinewardError('DECRYPT_FAILED');
    return name.version < 2 && older !== null ? older : keyOf(name.accountId, name.version, name.scope);
  };
  const service = {
    keyVersions: async (names: readonly KeyVersionName[]) =>
      new Map(names.map((name) => [versionId(name), version(name)])),
    activeKeys: async (holders: readonly KeyHolder[]) => {
      asked.push(...holders.map(({ accountId }) => accountId));
      return new Map(holders.map((one) => [holderId(one), keyOf(one.accountId, 2, one.scope)]));
    },
    charge: () => {},
  };
  return { asked, service: service as unknown as AccountKeyService };
}

async function rewrap(batch: ColumnTexts, { service } = keys()) {
  const columns: ProfileResult['columns'] = Object.keys(batch).map((name) => ({
    name,
    form: name === 'json' ? 'JSON' : 'TEXT',
  }));
  const work = new TableRewrap(service, 'account').of({ rows: 1, columns, metadata: {} });
  const tally = new TransformTally();
  const answer = (await work?.transform(batch, tally)) ?? {};
  return { answer, tally };
}
const versionIn = (text: string | null | undefined): unknown =>
  JSON.parse(Buffer.from(text ?? '', 'base64').toString()).kv;

describe('the re-encryption of a table', () => {
  it.each([
    [1, false],
    [2, true],
    [3, false],
    [1, true],
  ] as const)(
    'seals suite %i with padding %s anew, in texts and in JSON, also in a column of text',
    async (suite, padding) => {
      const [own, persons] = [keyOf('AC1', 1), keyOf('AC1', 1, 'person')];
      const envelopes = [sealed(own, '+123', suite, padding), sealed(persons, '+456', suite, padding)];
      const json = JSON.stringify({ n: 1, list: envelopes });
      const batch = { account: ['AC1', 'AC1'], text: [envelopes[0] ?? '', json], json: [json, null] };
      const { answer, tally } = await rewrap(batch);
      expect(versionIn(answer.text?.[0])).toBe(2);
      for (const text of [answer.text?.[1], answer.json?.[0]]) {
        const { list } = JSON.parse(text ?? '');
        expect(list.map(versionIn)).toEqual([2, 2]);
        const opened = await SealedValues.in(keys().service, [text ?? '']);
        expect(list.map((one: string) => opened.open('AC1', one))).toMatchObject([
          { value: '+123', padding },
          { value: '+456', padding },
        ]);
      }
      expect(answer.json?.[1]).toBeNull();
      expect(tally).toMatchObject({ counts: { keyVersion1: 5 }, failures: {} });
    },
  );

  it('finds envelopes in JSON in a column of text alone', async () => {
    const json = JSON.stringify({ to: sealed(keyOf('AC1', 1), '+123') });
    const { answer } = await rewrap({ account: ['AC1', 'AC1'], text: ['no envelope', json] });
    expect(answer.text?.[0]).toBe('no envelope');
    expect(versionIn(JSON.parse(answer.text?.[1] ?? '').to)).toBe(2);
  });

  it('finds the account and envelopes in values that cross as JSON, and in JSON within a text of those', async () => {
    const envelope = sealed(keyOf('AC1', 1), '+123');
    const within = JSON.stringify(JSON.stringify({ to: envelope }));
    const columns = ['account', 'to', 'n'].map((name) => ({ name, form: 'JSON' as const }));
    const work = new TableRewrap(keys().service, 'account').of({ rows: 1, columns, metadata: {} });
    const tally = new TransformTally();
    const to = [JSON.stringify(envelope), within, '"\\u0041"', '"no JSON'];
    const batch = { account: Array(4).fill('"AC1"'), to, n: ['1.0', null, '{}', '[]'] };
    const answer = await work?.transform(batch, tally);
    expect(versionIn(JSON.parse(answer?.to?.[0] ?? ''))).toBe(2);
    expect(versionIn(JSON.parse(JSON.parse(answer?.to?.[1] ?? '')).to)).toBe(2);
    expect(answer?.to?.slice(2)).toEqual(to.slice(2));
    expect([answer?.account, answer?.n]).toEqual([batch.account, batch.n]);
    expect(tally).toMatchObject({ counts: { keyVersion1: 2 }, failures: {} });
  });

  it('makes no keys for accounts that only a header names, and leaves what is no envelope', async () => {
    const forged = sealed(keyOf('AC9', 1), 'x');
    const like = 'eyJjcnlwdG9faWQiOjEsbm9wZQ==';
    const texts = [forged, like, `{"a":"${like}","b":"${forged}"}`];
    const known = keys();
    const { answer, tally } = await rewrap({ account: ['AC9', 'AC1', 'AC1'], text: texts }, known);
    expect(answer.text).toEqual(texts);
    expect(known.asked).toEqual([]);
    expect(tally).toMatchObject({ counts: {}, failures: {} });
  });

  it('counts the envelope of another account as a row that could not be changed', async () => {
    const text = [sealed(keyOf('AC2', 1), 'x'), sealed(keyOf('AC1', 1), 'y')];
    const { answer, tally } = await rewrap({ account: ['AC1', 'AC1'], text });
    expect(answer.text?.[0]).toBe(text[0]);
    expect(versionIn(answer.text?.[1])).toBe(2);
    expect(tally.failures).toEqual({ DECRYPT_FAILED: 1 });
  });

  it('leaves what nobody can open any more, and waits for a key that cannot be had now', async () => {
    const batch = { account: ['AC1'], text: [sealed(keyOf('AC1', 1), 'x')] };
    const destroyed = await rewrap(batch, keys(new LinewardError('KEY_DESTROYED')));
    expect(destroyed.answer.text).toEqual(batch.text);
    expect(destroyed.tally.failures).toEqual({});
    for (const code of ['KEY_UNAVAILABLE', 'DATABASE_UNAVAILABLE', 'KEY_MISMATCH'] as const)
      await expect(rewrap(batch, keys(new LinewardError(code)))).rejects.toMatchObject({ code });
  });

  it('does not take an envelope for a plain value while its key cannot be had', async () => {
    const envelope = sealed(keyOf('AC1', 1), 'x');
    const known = await SealedValues.in(keys(new LinewardError('KEY_UNAVAILABLE')).service, [`"${envelope}"`]);
    expect(() => known.isSealed('AC1', envelope)).toThrow(expect.objectContaining({ code: 'KEY_UNAVAILABLE' }));
    expect(known.isSealed('AC2', envelope)).toBe(false);
  });
});
