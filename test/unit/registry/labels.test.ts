import { describe, expect, it } from 'vitest';
import { SemanticTypes } from '../../../src/domain/privacy/semantic-type.ts';
import { labelFields, pathMatcher } from '../../../src/domain/registry/labels.ts';
import type { SchemaFieldPath } from '../../../src/domain/registry/schema-format.ts';

const field = (path: string, more: Partial<SchemaFieldPath> = {}): SchemaFieldPath => ({
  path,
  type: 'string',
  nullable: false,
  required: true,
  semanticType: null,
  tags: [],
  meanings: [{ semanticType: more.semanticType ?? null, tags: more.tags ?? [] }],
  recurrences: [],
  plainAt: [],
  doc: null,
  ...more,
});
const label = (one: SchemaFieldPath, tags: Record<string, string[]> = {}) =>
  labelFields([one], { record: 'acme.User', metadata: { tags }, semanticTypeOf: new SemanticTypes().find })[0];

describe('labels of fields', () => {
  it.each([
    [
      'twilio_type gives type and classification',
      field('a', { semanticType: 'phonenummer' }),
      {},
      'phonenumber',
      ['PII'],
      [],
    ],
    ['a tag that is a classification classifies', field('a', { tags: ['PII'] }), {}, null, ['PII'], ['PII']],
    ['a classification is known in any case', field('a', { tags: ['pci'] }), {}, null, ['PCI'], ['pci']],
    ['a tag that names a semantic type gives it', field('a', { tags: ['email'] }), {}, 'email', ['PII'], ['email']],
    ['twilio_type beats a tag', field('a', { semanticType: 'ip', tags: ['email'] }), {}, 'ip', ['PII'], ['email']],
    ['an unknown twilio_type is no type', field('a', { semanticType: 'wat' }), {}, null, [], []],
    ['any other tag stays a tag', field('a', { tags: ['team-a'] }), {}, null, [], ['team-a']],
    ['metadata reaches by name anywhere', field('x.ssn'), { '**.ssn': ['PII'] }, null, ['PII'], ['PII']],
    ['metadata reaches by full name', field('ssn'), { 'acme.User.ssn': ['ssn'] }, 'ssn', ['PII'], ['ssn']],
    ['metadata reaches by JSON path', field('a.b'), { '$.a.b': ['PHI'] }, null, ['PHI'], ['PHI']],
    ['array marks do not matter', field('a[].b'), { '**.a.b': ['PII'] }, null, ['PII'], ['PII']],
    ['a star stays within a segment', field('a.b'), { 'acme.User.*': ['PII'] }, null, [], []],
    [
      'metadata reaches into a record inside itself',
      field('x', { recurrences: [{ at: 'x[]', to: '' }] }),
      { 'acme.User.x.x': ['email'] },
      'email',
      ['PII'],
      ['email'],
    ],
    ['a tag given twice stands once', field('a', { tags: ['PII'] }), { '**.a': ['PII'] }, null, ['PII'], ['PII']],
    [
      'type and tag classify together',
      field('a', { semanticType: 'email', tags: ['SECRET'] }),
      {},
      'email',
      ['PII', 'SECRET'],
      ['SECRET'],
    ],
  ])('%s', (_name, one, tags, semanticType, classifications, kept) => {
    expect(label(one, tags)).toMatchObject({ semanticType, classifications, tags: kept });
  });
});

describe('path patterns', () => {
  it.each([
    ['a.b', 'a.b', true],
    ['a.b', 'a.c', false],
    ['a.?', 'a.b', true],
    ['a.?', 'a.bc', false],
    ['a?b', 'a.b', false],
    ['*.b', 'a.b', true],
    ['*.b', 'a.a.b', false],
    ['**.b', 'a.a.b', true],
    ['**.b', 'b', true],
    ['**.b', 'ab', false],
    ['**', 'a.b.c', true],
    ['a.**', 'a.b.c', true],
    ['a.**.d', 'a.d', true],
    ['a.**.d', 'a.b.c.d', true],
    ['', 'a', false],
    ['a', '', false],
    ['*', '', true],
    ['a(b', 'a(b', true],
  ])('%s over %s is %s', (pattern, path, matches) => {
    expect(pathMatcher(pattern)(path)).toBe(matches);
  });

  it('answers at once for a pattern made to backtrack', () => {
    expect(pathMatcher(`${'**.'.repeat(60)}x`)(`${'a.'.repeat(200)}y`)).toBe(false);
  });
});
