import { expect, it } from 'vitest';
import { jsonObject } from '../../../src/domain/kafka/record-content.ts';
import { recordKeys } from '../../../src/domain/kafka/table-view.ts';

const keysOf = (json: string) => recordKeys(jsonObject(Buffer.from(json)) ?? {}, 'account', ['user']);

it.each([
  ['9007199254740993', '9007199254740993'],
  ['-9007199254740993', '-9007199254740993'],
  ['9007199254740991', '9007199254740991'],
  ['12345678901234567890', '12345678901234567890'],
  ['1e21', '1e+21'],
  ['1.0', '1'],
  ['1.5', '1.5'],
])('the number %s is the subject %s, never a neighbour of it', (written, user) => {
  expect(keysOf(`{"nested":{"user":1},"account":"AC1","user":${written},"last":{"user":2}}`)).toEqual({
    accountId: 'AC1',
    subjects: { user },
  });
  expect(keysOf(`{"account":${written}}`)).toEqual({ accountId: user, subjects: { user: null } });
});
