import { describe, expect, test } from 'vitest';
import {
  compareKeeping,
  deletesSooner,
  inForceUnder,
  planRetention,
  type RetentionQuestion,
  type RetentionSetting,
  readRetention,
} from '../../../src/domain/kafka/topic-retention.ts';

const day = 86_400_000;
const days = (count: number): string => String(count * day);
const question = (more: Partial<RetentionQuestion>): RetentionQuestion => ({
  policy: { 'retention.ms': days(7) },
  inForce: {},
  onBroker: { 'retention.ms': days(7), 'retention.bytes': '-1' },
  held: false,
  minimumDays: null,
  placed: false,
  beforeHold: {},
  approving: false,
  ...more,
});
const planned = (more: Partial<RetentionQuestion>) =>
  planRetention(question(more)).map(({ setting, target, change, blocked }) => [setting, target, change, blocked]);

describe('which value keeps longer', () => {
  test.each<[RetentionSetting, string, string, number | null]>([
    ['retention.ms', '1000', '999', 1],
    ['retention.ms', '-1', '9223372036854775806', 1],
    ['retention.ms', '-1', '9223372036854775807', 0],
    ['retention.bytes', '5', '-1', -1],
    ['segment.ms', '9007199254740993', '9007199254740992', 1],
    ['cleanup.policy', 'delete', 'compact,delete', 1],
    ['cleanup.policy', 'compact,delete', 'compact', -1],
    ['cleanup.policy', 'delete, compact', 'compact,delete', 0],
    ['cleanup.policy', 'compact', 'delete', null],
    ['message.timestamp.type', 'CreateTime', 'LogAppendTime', null],
  ])('%s: %s against %s', (setting, one, other, order) => {
    expect(compareKeeping(setting, one, other)).toBe(order);
    expect(compareKeeping(setting, other, one)).toBe(order === null ? null : 0 - order);
  });
});

describe('what the schedule does', () => {
  test('nothing where the broker has what the policy wants', () => {
    expect(planned({})).toEqual([['retention.ms', days(7), 'NONE', null]]);
  });

  test('keeps longer without asking', () => {
    expect(planned({ policy: { 'retention.ms': days(30) } })).toEqual([['retention.ms', days(30), 'EXTEND', null]]);
  });

  test('cuts nothing that nobody approved', () => {
    const policy = { 'retention.ms': days(1), 'message.timestamp.type': 'LogAppendTime', 'segment.ms': days(1) };
    const onBroker = { 'retention.ms': days(7), 'message.timestamp.type': 'CreateTime', 'segment.ms': days(7) };
    expect(planned({ policy, onBroker })).toEqual([
      ['retention.ms', days(7), 'NONE', 'NEEDS_APPROVAL'],
      ['segment.ms', days(7), 'NONE', 'NEEDS_APPROVAL'],
      ['message.timestamp.type', 'CreateTime', 'NONE', 'NEEDS_APPROVAL'],
    ]);
    expect(planned({ policy, onBroker, approving: true }).map(([, target, change]) => [target, change])).toEqual([
      [days(1), 'SHORTEN'],
      [days(1), 'SHORTEN'],
      ['LogAppendTime', 'SHORTEN'],
    ]);
  });

  test('goes back to what was approved, from either side, and never below', () => {
    const inForce = { 'retention.ms': days(7) };
    const at = (count: number, policy = 7) =>
      planned({
        inForce,
        policy: { 'retention.ms': days(policy) },
        onBroker: { 'retention.ms': days(count) },
      });
    expect(at(30)).toEqual([['retention.ms', days(7), 'SHORTEN', null]]);
    expect(at(2)).toEqual([['retention.ms', days(7), 'EXTEND', null]]);
    // The policy wants one day, and nobody has approved that yet.
    expect(at(30, 1)).toEqual([['retention.ms', days(7), 'SHORTEN', 'NEEDS_APPROVAL']]);
    expect(at(2, 1)).toEqual([['retention.ms', days(7), 'EXTEND', 'NEEDS_APPROVAL']]);
    expect(at(7, 1)).toEqual([['retention.ms', days(7), 'NONE', 'NEEDS_APPROVAL']]);
  });

  test('what a policy kept longer is not cut by the next one without approval', () => {
    const longerOnes = inForceUnder({ 'retention.ms': days(14) }, { 'retention.ms': days(7), 'segment.ms': '5' });
    expect(longerOnes).toEqual({ 'retention.ms': days(14) });
    const shorter = { policy: { 'retention.ms': days(10) }, onBroker: { 'retention.ms': days(14) } };
    expect(planned({ ...shorter, inForce: longerOnes })).toEqual([
      ['retention.ms', days(14), 'NONE', 'NEEDS_APPROVAL'],
    ]);
  });

  test('names what the broker does not know', () => {
    expect(planned({ onBroker: {} })).toEqual([['retention.ms', null, 'NONE', 'UNKNOWN_TO_BROKER']]);
  });
});

describe('under a hold', () => {
  const held = { held: true, inForce: { 'retention.ms': days(7) } };

  test('age and size delete nothing, also where the policy does not speak of size', () => {
    expect(planned({ ...held, onBroker: { 'retention.ms': days(7), 'retention.bytes': '1000' } })).toEqual([
      ['retention.ms', '-1', 'EXTEND', 'HELD'],
      ['retention.bytes', '-1', 'EXTEND', null],
    ]);
  });

  test('nothing is cut, approved or not, and what keeps longer goes on', () => {
    const policy = { 'retention.ms': days(1), 'segment.ms': days(2), 'cleanup.policy': 'compact,delete' };
    const onBroker = { 'retention.ms': '-1', 'segment.ms': days(1), 'cleanup.policy': 'delete' };
    expect(planned({ ...held, approving: true, policy, onBroker })).toEqual([
      ['retention.ms', '-1', 'NONE', 'HELD'],
      ['segment.ms', days(2), 'EXTEND', null],
      ['cleanup.policy', 'delete', 'NONE', 'HELD'],
    ]);
  });

  test('after it, all goes back to what stood before; what somebody changed meanwhile stays', () => {
    const after = { inForce: held.inForce, beforeHold: { 'retention.bytes': null } };
    expect(planned({ ...after, onBroker: { 'retention.ms': '-1', 'retention.bytes': '-1' } })).toEqual([
      ['retention.ms', days(7), 'SHORTEN', null],
      ['retention.bytes', null, 'SHORTEN', null],
    ]);
    expect(planned({ ...after, onBroker: { 'retention.ms': days(7), 'retention.bytes': '99' } })).toEqual([
      ['retention.ms', days(7), 'NONE', null],
    ]);
  });
});

describe('a policy over many topics', () => {
  const placed = { placed: true, policy: { 'retention.ms': days(30) } };
  const at = (count: number, more: Partial<RetentionQuestion> = {}) =>
    planned({ ...placed, onBroker: { 'retention.ms': days(count) }, ...more });

  test('lets alone what keeps shorter, until somebody approves it', () => {
    expect(at(7)).toEqual([['retention.ms', days(7), 'NONE', null]]);
    expect(at(30)).toEqual([['retention.ms', days(30), 'NONE', null]]);
    expect(at(31)).toEqual([['retention.ms', days(31), 'NONE', 'NEEDS_APPROVAL']]);
    expect(at(7, { approving: true })).toEqual([['retention.ms', days(30), 'EXTEND', null]]);
    expect(at(7, { inForce: placed.policy })).toEqual([['retention.ms', days(30), 'EXTEND', null]]);
  });

  test('gives way to minimums and holds', () => {
    expect(at(7, { minimumDays: 9 })).toEqual([['retention.ms', days(10), 'EXTEND', null]]);
    expect(at(7, { minimumDays: 39 })).toEqual([['retention.ms', days(40), 'EXTEND', 'MINIMUM']]);
    expect(at(7, { held: true })).toEqual([['retention.ms', '-1', 'EXTEND', 'HELD']]);
  });

  test('after a hold leaves the topic as it was before, and goes on where it was in force', () => {
    const after = { ...placed, onBroker: { 'retention.ms': '-1' }, beforeHold: { 'retention.ms': days(7) } };
    expect(planned(after)).toEqual([['retention.ms', days(7), 'SHORTEN', null]]);
    expect(planned({ ...after, beforeHold: { 'retention.ms': null } })).toEqual([
      ['retention.ms', null, 'SHORTEN', null],
    ]);
    expect(planned({ ...after, inForce: placed.policy })).toEqual([['retention.ms', days(30), 'SHORTEN', null]]);
    expect(planned({ ...after, beforeHold: {} })).toEqual([['retention.ms', '-1', 'NONE', 'NEEDS_APPROVAL']]);
  });
});

describe('what a policy may say', () => {
  const read = (...settings: [string, string][]) => readRetention(settings.map(([name, value]) => ({ name, value })));

  test('is brought to one form', () => {
    expect(
      read(['retention.ms', '0600'], ['cleanup.policy', 'delete , compact'], ['message.timestamp.type', 'CreateTime']),
    ).toEqual({ 'retention.ms': '600', 'cleanup.policy': 'compact,delete', 'message.timestamp.type': 'CreateTime' });
  });

  test.each([
    [[['segment.ms', '5']], ['settings']],
    [[['retention.ms', '0']], ['settings', '0', 'value']],
    [[['retention.ms', '-2']], ['settings', '0', 'value']],
    [[['retention.ms', '9223372036854775808']], ['settings', '0', 'value']],
    [[['retention.ms', '1e3']], ['settings', '0', 'value']],
    [
      [
        ['retention.ms', '1'],
        ['retention.ms', '2'],
      ],
      ['settings', '1', 'name'],
    ],
    [[['max.message.bytes', '1']], ['settings', '0', 'name']],
    [[['segment.ms', '-1']], ['settings', '0', 'value']],
    [[['cleanup.policy', '']], ['settings', '0', 'value']],
    [[['cleanup.policy', 'compact,drop']], ['settings', '0', 'value']],
    [[['message.timestamp.type', 'createtime']], ['settings', '0', 'value']],
  ] as [[string, string][], string[]][])('refuses %j', (settings, field) => {
    expect(() => read(...settings)).toThrowError(expect.objectContaining({ code: 'BAD_INPUT', field }));
  });
});

describe('a minimum retention', () => {
  test('keeps an approved policy from cutting below it, by age and by size', () => {
    const onBroker = { 'retention.ms': days(30), 'retention.bytes': '1000' };
    expect(planned({ minimumDays: 9, onBroker, approving: true })).toEqual([
      ['retention.ms', days(10), 'SHORTEN', 'MINIMUM'],
      ['retention.bytes', '-1', 'EXTEND', null],
    ]);
  });

  test('lengthens what is shorter without anybody, and lets alone what is longer', () => {
    expect(planned({ minimumDays: 30 })).toEqual([['retention.ms', days(31), 'EXTEND', 'MINIMUM']]);
    expect(planned({ minimumDays: 3 })).toEqual([['retention.ms', days(7), 'NONE', null]]);
    expect(planned({ minimumDays: 3, held: true })).toEqual([['retention.ms', '-1', 'EXTEND', 'HELD']]);
  });
});

describe('whether an approval lets records go sooner', () => {
  const sooner = (more: Partial<RetentionQuestion>): boolean => {
    const asked = question({ approving: true, ...more });
    return deletesSooner(asked, planRetention(asked));
  };
  test.each<[string, Partial<RetentionQuestion>, boolean]>([
    ['as long as the broker does', {}, false],
    ['longer', { onBroker: { 'retention.ms': days(3) } }, false],
    ['shorter', { onBroker: { 'retention.ms': days(8) } }, true],
    [
      'shorter than was approved, as a broker that drifted does already',
      { inForce: { 'retention.ms': days(30) } },
      true,
    ],
    ['shorter, once a minimum has ended', { onBroker: { 'retention.ms': days(10) }, minimumDays: 30 }, true],
    ['shorter, once a hold has ended', { onBroker: { 'retention.ms': '-1' }, held: true }, true],
    [
      'by another time stamp',
      {
        policy: { 'retention.ms': days(7), 'message.timestamp.type': 'CreateTime' },
        onBroker: { 'retention.ms': days(7), 'message.timestamp.type': 'LogAppendTime' },
      },
      true,
    ],
    [
      'by a setting that the broker does not know',
      { policy: { 'retention.ms': days(7), 'retention.bytes': '1' }, onBroker: { 'retention.ms': days(7) } },
      false,
    ],
  ])('%s', (_what, more, expected) => {
    expect(sooner(more)).toBe(expected);
  });
});
