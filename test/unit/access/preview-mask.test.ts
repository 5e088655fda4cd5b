import { expect, test } from 'vitest';
import { AccessPolicies } from '../../../src/domain/access/access-decision.ts';
import type { NamedRule } from '../../../src/domain/access/access-policy.ts';
import { type Role, roleNames } from '../../../src/domain/access/role.ts';
import { maskRecord } from '../../../src/domain/privacy/mask-record.ts';
import { InputLabels } from '../../../src/services/transform/input-labels.ts';
import { PreviewMasks } from '../../../src/services/transform/preview-mask.ts';
import type { KnownTransformer } from '../../../src/services/transform/transformer-facts.ts';

const fields = ['id', 'email', 'card', 'note'].map((name) => ({ name, column: 'VARCHAR', isNested: false }));
const from = (...names: string[]) => names.map((field) => ({ input: 0, field, isSame: true, isJoin: false }));
const looked = { input: 1, field: 'card', isSame: true, isJoin: false };
const known = {
  sources: [
    {
      kind: 'TOPIC',
      place: { namespace: 'kafka', name: 'calls' },
      datasetId: 'd',
      entityId: 'e',
      subjectFields: [],
      fields,
    },
  ],
  lookups: [
    {
      ...{ kind: 'TABLE', place: { namespace: 'file', name: 'ref' }, datasetId: 'l', entityId: 'e', subjectFields: [] },
      fields: [{ name: 'card', column: 'VARCHAR', isNested: false }],
    },
  ],
  resource: { entityId: 'r', fullName: 'Demo.Call' },
  compiled: {
    origins: [
      { column: 'id', from: from('id') },
      { column: 'contact', from: from('id', 'email') },
      { column: 'pay', from: from('card') },
      { column: 'looked', from: [looked] },
      { column: 'made', from: [] },
      { column: 'labelled', from: [] },
    ],
  },
} as unknown as KnownTransformer;
const said: Readonly<Record<string, readonly object[]>> = {
  e: [{ namespace: 'Demo', name: 'Raw', path: 'email.host', classifications: ['PII'] }],
  r: [{ namespace: 'Demo', name: 'Call', path: 'labelled', classifications: ['PHI'] }],
};
const em = { fork: () => ({ execute: async (_text: string, [id = '']: string[]) => said[id] ?? [] }) } as never;
// The label of the card comes along lineage; nobody said it of the entity.
const labels = { labelsOf: async () => new Map([['card', ['PCI']]]) };

async function shownTo(role: Role, ...rules: Partial<NamedRule>[]) {
  const all = { roles: [], actors: [], namespaces: [], names: [], classifications: [], accounts: [], purposes: [] };
  const policies = new AccessPolicies(
    rules.map((rule) => ({
      ...all,
      ...{ effect: 'ALLOW', actions: ['READ_CLEAR'], validFrom: null, validUntil: null, name: 'p', version: 1 },
      ...rule,
    })),
  );
  const access: ConstructorParameters<typeof PreviewMasks>[0]['access'] = {
    mayWith: (actor, action, thing) => policies.allows(actor, action, thing),
  };
  const masks = new PreviewMasks({ access, inputLabels: new InputLabels({ em, labels, kafkaNamespace: 'kafka://k' }) });
  const mask = await masks.of({ id: 'ann', kind: 'token', roles: [role], requestId: null }, known);
  const columns = ['id', 'contact', 'pay', 'looked', 'made', 'labelled'].filter(
    (column) => !mask.isColumnMasked(column),
  );
  return { fields: mask.clear[0], columns };
}

test('records are masked for each role but the one that reads in clear', async () => {
  for (const role of roleNames)
    expect(await shownTo(role), role).toEqual(
      role === 'privacy_officer'
        ? { fields: ['id', 'email', 'card', 'note'], columns: ['id', 'contact', 'pay', 'looked', 'made', 'labelled'] }
        : { fields: [], columns: ['made'] },
    );
});

test('policies open and close fields by their labels, and columns with the fields they are made of', async () => {
  expect(await shownTo('engineer', { classifications: ['UNCLASSIFIED'] })).toEqual({
    fields: ['id', 'note'],
    columns: ['id', 'made'],
  });
  expect(await shownTo('engineer', { classifications: ['UNCLASSIFIED', 'PII'], names: ['call*'] })).toEqual({
    fields: ['id', 'email', 'note'],
    columns: ['id', 'contact', 'made'],
  });
  expect((await shownTo('engineer', { names: ['other'] })).fields).toEqual([]);
  expect(await shownTo('privacy_officer', { effect: 'DENY', classifications: ['PCI'] })).toEqual({
    fields: ['id', 'email', 'note'],
    columns: ['id', 'contact', 'made', 'labelled'],
  });
  // Kept apart, whatever a policy says.
  for (const role of ['auditor', 'security_admin'] as const)
    expect((await shownTo(role, { names: ['*'] })).fields).toEqual([]);
});

test('a masked record has its fields, its order and its digits, and nothing of the values', () => {
  const text = '{"id":12345678901234567890,"card":{"number":"4111"},"none":null,"note":"x"}';
  expect(maskRecord(text, (field) => ['card', 'none'].includes(field))).toBe(
    '{"id":12345678901234567890,"card":"***","none":null,"note":"x"}',
  );
  expect(maskRecord(text, () => false)).toBe(text);
  expect(maskRecord('{"__proto__":"secret","a":1}', (field) => field === '__proto__')).not.toContain('secret');
});
