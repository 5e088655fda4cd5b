import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ComparedField,
  diffFields,
  type FieldChange,
  type FieldsDiff,
  isSame,
} from '../../../src/domain/registry/version-diff.ts';

const field = (path: string, more: Partial<ComparedField> = {}): ComparedField => ({
  path,
  type: 'string',
  nullable: false,
  required: true,
  semanticType: null,
  classifications: [],
  tags: [],
  doc: null,
  ...more,
});

const labels = fc.uniqueArray(fc.constantFrom('PII', 'PCI', 'PHI', 'SECRET'));
const anyField = fc.record<ComparedField>({
  path: fc.constantFrom('a', 'b', 'c', 'a.b', 'a[]', '__proto__', 'constructor', 'ü', ''),
  type: fc.constantFrom('string', 'long'),
  nullable: fc.boolean(),
  required: fc.boolean(),
  semanticType: fc.constantFrom(null, 'email', 'ip'),
  classifications: labels,
  tags: labels,
  doc: fc.constantFrom(null, '', 'text'),
});
const anyFields = fc.uniqueArray(anyField, { selector: ({ path }) => path });

const paths = (fields: readonly { readonly path: string }[]) => fields.map(({ path }) => path).sort();
const byPath = <T extends { readonly path: string }>(items: readonly T[]) =>
  [...items].sort((one, other) => (one.path < other.path ? -1 : 1));
const turned = ({ path, before, after, changes }: FieldChange<ComparedField>) => ({
  path,
  before: after,
  after: before,
  changes,
});
const normal = (diff: FieldsDiff<ComparedField>) => ({
  added: byPath(diff.added),
  removed: byPath(diff.removed),
  changed: byPath(diff.changed),
  classificationChanges: byPath(diff.classificationChanges),
});

describe('the difference of two versions', () => {
  test('of the same fields is empty, whatever their order and that of their labels', () => {
    fc.assert(
      fc.property(anyFields, (fields) => {
        const turnedRound = fields.toReversed().map((one) => ({
          ...one,
          tags: one.tags.toReversed(),
          classifications: one.classifications.toReversed(),
        }));
        for (const other of [fields, turnedRound]) {
          const diff = diffFields(fields, other);
          expect(diff).toEqual({ added: [], removed: [], changed: [], classificationChanges: [] });
          expect(isSame(diff)).toBe(true);
        }
      }),
    );
  });

  test('read backwards has added and removed, before and after exchanged', () => {
    fc.assert(
      fc.property(anyFields, anyFields, (one, other) => {
        const back = diffFields(other, one);
        const mirrored = {
          added: back.removed,
          removed: back.added,
          changed: back.changed.map(turned),
          classificationChanges: back.classificationChanges.map(({ path, added, removed }) => ({
            path,
            added: removed,
            removed: added,
          })),
        };
        expect(normal(diffFields(one, other))).toEqual(normal(mirrored));
      }),
    );
  });

  test('leads from the one to the other', () => {
    fc.assert(
      fc.property(anyFields, anyFields, (before, after) => {
        const { added, removed, changed } = diffFields(before, after);
        const gone = new Set(paths(removed));
        const replaced = new Map(changed.map((change) => [change.path, change.after]));
        const kept = before.filter(({ path }) => !gone.has(path)).map((one) => replaced.get(one.path) ?? one);
        expect(diffFields([...kept, ...added], after)).toMatchObject({ added: [], removed: [], changed: [] });
        expect(changed.every(({ changes }) => changes.length > 0)).toBe(true);
      }),
    );
  });

  test.each<[string, Partial<ComparedField>, readonly string[]]>([
    ['type', { type: 'long' }, ['TYPE']],
    ['null branch', { nullable: true }, ['NULLABLE']],
    ['need to be there', { required: false }, ['REQUIRED']],
    ['semantic type', { semanticType: 'email' }, ['SEMANTIC_TYPE']],
    ['classifications', { classifications: ['PII'] }, ['CLASSIFICATIONS']],
    ['tags', { tags: ['GEO'] }, ['TAGS']],
    ['doc', { doc: 'where to write' }, ['DOC']],
    ['type and doc', { doc: '', type: 'bytes' }, ['TYPE', 'DOC']],
  ])('names a change of the %s', (_name, change, kinds) => {
    const [before, after] = [field('a'), field('a', change)];
    expect(diffFields([before], [after]).changed).toEqual([{ path: 'a', before, after, changes: kinds }]);
  });

  test('tells classifications that came or went, also with their fields', () => {
    const before = [
      field('gone', { classifications: ['PCI', 'PII'] }),
      field('same', { classifications: ['PII'] }),
      field('less', { classifications: ['PII', 'PHI'] }),
    ];
    const after = [
      field('less', { classifications: ['PHI'] }),
      field('same', { classifications: ['PII'] }),
      field('fresh', { classifications: ['SECRET'] }),
      field('plain'),
    ];
    expect(diffFields(before, after).classificationChanges).toEqual([
      { path: 'less', added: [], removed: ['PII'] },
      { path: 'fresh', added: ['SECRET'], removed: [] },
      { path: 'gone', added: [], removed: ['PCI', 'PII'] },
    ]);
  });

  test('keeps document order', () => {
    const diff = diffFields(
      ['b', 'a', 'k'].map((path) => field(path)),
      ['z', 'k', 'y'].map((path) => field(path)),
    );
    expect([diff.added, diff.removed].map((fields) => fields.map(({ path }) => path))).toEqual([
      ['z', 'y'],
      ['b', 'a'],
    ]);
  });
});
