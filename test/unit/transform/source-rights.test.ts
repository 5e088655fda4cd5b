import { expect, test } from 'vitest';
import { AccessPolicies } from '../../../src/domain/access/access-decision.ts';
import type { NamedRule } from '../../../src/domain/access/access-policy.ts';
import type { Role } from '../../../src/domain/access/role.ts';
import { InputLabels } from '../../../src/services/transform/input-labels.ts';
import { SourceRights } from '../../../src/services/transform/source-rights.ts';
import type { KnownTransformer } from '../../../src/services/transform/transformer-facts.ts';

const field = (name: string) => ({ name, column: 'VARCHAR', isNested: false });
const input = (kind: string, id: string, fields: string[], subjectFields: string[] = []) => ({
  ...{ kind, datasetId: id, entityId: id, subjectFields, fields: fields.map(field) },
  place: { namespace: 'n', name: id },
});
const value = (of: number, name: string) => ({ input: of, field: name, isSame: true, isJoin: false });
const known = {
  spec: { sources: [{ topic: 'calls', transforms: [{ type: 'lookup', table: 'ref' }] }] },
  sources: [input('TOPIC', 'calls', ['id', 'email', 'note', 'person'], ['person'])],
  lookups: [input('TABLE', 'ref', ['id', 'card', 'odd'])],
  resource: { entityId: 'made', fullName: 'Demo.Made' },
  compiled: {
    subjectFields: ['person'],
    deciding: [] as object[],
    origins: [
      { column: 'id', from: [value(0, 'id')] },
      { column: 'contact', from: [value(0, 'email')] },
      { column: 'note', from: [value(0, 'note')] },
      { column: 'person', from: [value(0, 'person')] },
      { column: 'pay', from: [value(1, 'card'), { ...value(0, 'email'), isJoin: true }] },
    ],
  },
};
const said: Readonly<Record<string, readonly object[]>> = {
  calls: [
    ...['id', 'note', 'person'].map((path) => ({ namespace: 'Demo', name: 'Call', path, classifications: [] })),
    { namespace: 'Demo', name: 'Call', path: 'email.host', classifications: ['PII'] },
  ],
  ref: ['id', 'card'].map((path) => ({ namespace: 'Demo', name: 'Ref', path, classifications: [] })),
  made: [{ namespace: 'Demo', name: 'Made', path: 'id', classifications: [] }],
};
// Datasets and entities are there for who asks; what is not is asked for in the tests over HTTP.
const em = {
  fork: () => ({
    execute: async (text: string, [given = '']: string[]) =>
      text.startsWith('select id from')
        ? given
            .replace(/[{}"]/gu, '')
            .split(',')
            .map((id) => ({ id }))
        : (said[given] ?? []),
  }),
} as never;
const labels = { labelsOf: async (id: string) => new Map(id === 'ref' ? [['card', ['PCI']]] : []) };

async function issuesFor(role: Role, rules: Partial<NamedRule>[] = [], more: object = {}): Promise<string[]> {
  const all = { roles: [], actors: [], namespaces: [], names: [], classifications: [], accounts: [], purposes: [] };
  const policies = new AccessPolicies(
    rules.map((rule) => ({
      ...all,
      ...{ effect: 'ALLOW', actions: ['READ_CLEAR'], validFrom: null, validUntil: null, name: 'p', version: 1 },
      ...rule,
    })),
  );
  const transformer = { ok: true, ...known, compiled: { ...known.compiled, ...more } } as unknown as KnownTransformer;
  const rights = new SourceRights({
    em,
    access: {
      explain: async (actor, action, thing) => policies.explain(actor, action, thing),
      mayNow: async (actor, action, thing) => policies.allows(actor, action, thing),
    },
    readers: { of: (actor) => ({ actor, see: (one) => one, mark: () => policies, isNarrowed: () => false }) },
    facts: { check: async () => ({ ok: true, ...transformer }) },
    inputLabels: new InputLabels({ em, labels, kafkaNamespace: 'kafka://k' }),
  });
  const ann = { id: 'ann', kind: 'token', roles: [role], requestId: null } as const;
  const checked = await rights.check(ann, { document: '', orders: {} }, { isNew: false, what: 'test' });
  return checked.ok ? [] : checked.issues.map(({ path, message }) => `${path}: ${message}`);
}

test('takes the right to read topics and tables, which registering alone does not give', async () => {
  expect(await issuesFor('engineer')).toEqual([]);
  expect(await issuesFor('service')).toEqual([
    'sources[0].transforms[0]: ann may not read it: that takes the permission READ_LAKE.',
  ]);
  expect(await issuesFor('viewer')).toEqual([
    'sources[0]: ann may not read it: that takes the permission READ_REDACTED.',
  ]);
  const denied = await issuesFor('engineer', [{ effect: 'DENY', actions: ['READ_LAKE', 'READ_REDACTED'] }]);
  expect(denied).toHaveLength(2);
});

test('moves what is masked only into columns that are masked as well', async () => {
  // By labels, which go along: as closed there as here.
  expect(await issuesFor('engineer', [{ effect: 'DENY', classifications: ['PII'] }])).toEqual([]);
  // By the name of the source, which the table does not have.
  const byName = { effect: 'DENY', names: ['calls'] } as const;
  expect(await issuesFor('privacy_officer', [byName])).toEqual(
    ['id', 'email', 'note', 'person'].map((name) =>
      expect.stringContaining(`sources[0]: Its field ${name} is masked for ann`),
    ),
  );
  // Closed by name at both ends.
  expect(await issuesFor('privacy_officer', [byName, { effect: 'DENY', names: ['Made'] }])).toEqual([]);
  // The label is masked there, and the name of the table opens it.
  const opened = await issuesFor('engineer', [{ names: ['Made'] }]);
  expect(opened).toEqual([
    expect.stringContaining('sources[0]: Its field email'),
    expect.stringContaining('sources[0]: Its field person'),
    expect.stringContaining('sources[0].transforms[0]: Its field card'),
  ]);
  const unlabelled = { effect: 'DENY', names: ['calls'], classifications: ['UNCLASSIFIED'] } as const;
  expect(await issuesFor('engineer', [unlabelled])).toEqual([
    expect.stringContaining('Its field id'),
    expect.stringContaining('Its field note'),
  ]);
});

test('asks no masked field by what is let through or looked up', async () => {
  const deciding = [
    { input: 0, field: 'note', path: 'a' },
    { input: 0, field: 'email', path: 'sources[0].transforms[1].where' },
    { input: 1, field: 'card', path: 'sources[0].transforms[0].on' },
    { input: 1, field: 'odd', path: 'sources[0].transforms[0].on' },
  ];
  const takes = (path: string, name: string) =>
    `${path}: It is decided by ${name}, which is masked for ann: that takes READ_CLEAR.`;
  expect(await issuesFor('engineer', [], { deciding })).toEqual([
    takes('sources[0].transforms[1].where', 'email'),
    takes('sources[0].transforms[0].on', 'card'),
    takes('sources[0].transforms[0].on', 'odd'),
  ]);
  expect(await issuesFor('privacy_officer', [], { deciding })).toEqual([]);
});
