import { describe, expect, it } from 'vitest';
import { firstConflict, readCompatibilityLevel } from '../../../src/domain/registry/compatibility.ts';
import {
  changedConfig,
  effectiveConfig,
  readConfigUpdate,
  withConfigured,
} from '../../../src/domain/registry/registry-config.ts';
import { readMode } from '../../../src/domain/registry/registry-mode.ts';
import type { Incompatibility, ParsedSchema, SchemaFormat } from '../../../src/domain/registry/schema-format.ts';
import { schemaGuid, schemaIdentity, textIdentity } from '../../../src/domain/registry/schema-identity.ts';
import { readMetadata, readRuleSet } from '../../../src/domain/registry/schema-metadata.ts';
import {
  printSubjectName,
  readContext,
  readSettingName,
  readSubjectName,
} from '../../../src/domain/registry/subject-name.ts';

const reason: Incompatibility = { errorType: 'X', description: '', path: '/', additionalInfo: '', suggestion: '' };

/** A schema that reads only the schemas it names. */
function schema(name: string, reads: readonly string[], format: SchemaFormat = 'AVRO'): ParsedSchema {
  return {
    format,
    text: name,
    record: null,
    fields: [],
    normalized: () => name,
    printed: () => null,
    incompatibilitiesWith: (writer) =>
      reads.includes(writer.text) ? [] : [{ ...reason, additionalInfo: `${name}<${writer.text}` }],
    messageFaults: () => [],
    encode: () => ({ ok: false, faults: [] }),
    decode: () => null,
  };
}

describe('compatibility levels', () => {
  const next = schema('next', ['last']);
  const last = schema('last', ['old']);
  const old = schema('old', ['next', 'last']);
  const earlier = [
    { version: 2, schema: last },
    { version: 1, schema: old },
  ];

  it.each([
    ['NONE', null],
    ['BACKWARD', null],
    ['BACKWARD_TRANSITIVE', [1, 'next<old']],
    ['FORWARD', [2, 'last<next']],
    ['FORWARD_TRANSITIVE', [2, 'last<next']],
    ['FULL', [2, 'last<next']],
    ['FULL_TRANSITIVE', [2, 'last<next']],
  ] as const)('%s compares what it names, newest first', (level, expected) => {
    const conflict = firstConflict(next, earlier, level, 'STRICT');
    expect(conflict === null ? null : [conflict.version, conflict.incompatibilities[0]?.additionalInfo]).toEqual(
      expected,
    );
  });

  it('takes the first of no versions for compatible', () => {
    expect(firstConflict(next, [], 'FULL_TRANSITIVE', 'STRICT')).toBeNull();
  });

  it('refuses another schema language, unless nothing is asked', () => {
    const other = schema('next', ['last'], 'JSON');
    expect(firstConflict(other, earlier, 'BACKWARD', 'STRICT')?.incompatibilities[0]?.errorType).toBe(
      'SCHEMA_TYPE_CHANGED',
    );
    expect(firstConflict(other, earlier, 'NONE', 'STRICT')).toBeNull();
  });

  it('reads levels in any case and no others', () => {
    expect(readCompatibilityLevel('full')).toBe('FULL');
    for (const bad of ['', 'SIDEWAYS', 3, null])
      expect(() => readCompatibilityLevel(bad)).toThrow(
        expect.objectContaining({ code: 'COMPATIBILITY_LEVEL_INVALID' }),
      );
  });
});

describe('subject names', () => {
  it.each([
    ['a', '.', 'a', 'a'],
    ['a/b:c', '.', 'a/b:c', 'a/b:c'],
    [':.staging:a', '.staging', 'a', ':.staging:a'],
    [':.staging:a:b', '.staging', 'a:b', ':.staging:a:b'],
    [':.:a', '.', 'a', 'a'],
    ['ünï-value', '.', 'ünï-value', 'ünï-value'],
  ])('%s is of context %s', (text, context, name, printed) => {
    expect(readSubjectName(text)).toEqual({ context, name });
    expect(printSubjectName({ context, name })).toBe(printed);
  });

  it('takes an unqualified name for one of the given context', () => {
    expect(readSubjectName('a', '.x')).toEqual({ context: '.x', name: 'a' });
    expect(readSubjectName(':.y:a', '.x')).toEqual({ context: '.y', name: 'a' });
  });

  it.each(['', ':.x:', '__GLOBAL', '__EMPTY', 'a\nb', 'a\0', 'x'.repeat(1_025)])('refuses %j', (text) => {
    expect(() => readSubjectName(text)).toThrow(expect.objectContaining({ code: 'SUBJECT_INVALID' }));
  });

  it('takes a bare context where settings are meant', () => {
    expect(readSettingName(':.x:')).toEqual({ context: '.x', name: '' });
  });

  it.each([
    ['staging', '.staging'],
    ['.staging', '.staging'],
    [':.staging:', '.staging'],
    ['.', '.'],
    ['', '.'],
  ])('context %j is %s', (text, context) => {
    expect(readContext(text)).toBe(context);
  });
});

describe('configuration', () => {
  it('is inherited key by key', () => {
    expect(
      effectiveConfig([{ normalize: true }, { compatibilityLevel: 'FULL' }, { compatibilityLevel: 'NONE' }]),
    ).toEqual({
      normalize: true,
      compatibilityLevel: 'FULL',
    });
  });

  it('keeps absent keys, removes null ones, and forgets itself when empty', () => {
    const change = readConfigUpdate({ compatibility: 'none', alias: null, unknown: 1 });
    expect(change).toEqual({ compatibilityLevel: 'NONE', alias: null });
    expect(changedConfig({ alias: 'x', normalize: true }, change)).toEqual({
      compatibilityLevel: 'NONE',
      normalize: true,
    });
    expect(changedConfig({ alias: 'x' }, { alias: null })).toBeNull();
  });

  it.each([
    [{ compatibility: 'NOPE' }, 'COMPATIBILITY_LEVEL_INVALID'],
    [{ compatibilityPolicy: 'NOPE' }, 'COMPATIBILITY_LEVEL_INVALID'],
    [{ defaultMetadata: { tags: 1 } }, 'SCHEMA_INVALID'],
    [{ overrideRuleSet: { domainRules: [{ name: '' }] } }, 'RULE_SET_INVALID'],
    [{ normalize: 'yes' }, 'BAD_INPUT'],
    ['text', 'BAD_INPUT'],
  ])('refuses %j', (body, code) => {
    expect(() => readConfigUpdate(body)).toThrow(expect.objectContaining({ code }));
  });

  it('lays the given metadata over the defaults and the overrides over it', () => {
    const merged = withConfigured(
      {
        defaultMetadata: { properties: { a: '1', b: '1', c: '1' }, sensitive: ['a'] },
        overrideMetadata: { properties: { c: '3' } },
        defaultRuleSet: { domainRules: [{ name: 'r', type: 'X', expr: 'old' }] },
      },
      {
        metadata: { properties: { b: '2' }, tags: { x: ['PII'] } },
        ruleSet: {
          domainRules: [
            { name: 'r', type: 'X', expr: 'new' },
            { name: 's', type: 'X' },
          ],
        },
      },
    );
    expect(merged.metadata).toEqual({
      properties: { a: '1', b: '2', c: '3' },
      tags: { x: ['PII'] },
      sensitive: ['a'],
    });
    expect(merged.ruleSet?.domainRules?.map((rule) => [rule.name, rule.expr])).toEqual([
      ['r', 'new'],
      ['s', undefined],
    ]);
  });

  it('reads modes in any case and no others', () => {
    expect(readMode('import')).toBe('IMPORT');
    expect(() => readMode('WRITEONLY')).toThrow(expect.objectContaining({ code: 'MODE_INVALID' }));
  });
});

describe('metadata and rules', () => {
  it('leave out what is null', () => {
    expect(readMetadata({ tags: null, properties: { a: 'b' }, sensitive: null, other: 1 })).toEqual({
      properties: { a: 'b' },
    });
    expect(readMetadata(null)).toBeNull();
    expect(readRuleSet(undefined)).toBeNull();
  });

  it.each([
    [
      'twice the same name',
      {
        domainRules: [
          { name: 'a', type: 'T' },
          { name: 'a', type: 'T' },
        ],
      },
    ],
    ['a migration mode among domain rules', { domainRules: [{ name: 'a', type: 'T', mode: 'UPGRADE' }] }],
    ['a write mode among migration rules', { migrationRules: [{ name: 'a', type: 'T', mode: 'WRITE' }] }],
    ['a rule without a name', { migrationRules: [{ type: 'T' }] }],
    ['a rule without a type', { domainRules: [{ name: 'a' }] }],
    ['an unknown mode', { domainRules: [{ name: 'a', type: 'T', mode: 'SLEEP' }] }],
    ['something that is no object', 'rules'],
  ])('refuse %s', (_name, ruleSet) => {
    expect(() => readRuleSet(ruleSet)).toThrow(
      expect.objectContaining({ code: 'RULE_SET_INVALID', field: expect.arrayContaining(['ruleSet']) }),
    );
  });
});

describe('identity', () => {
  const content = { format: 'AVRO', text: '"string"', references: [], metadata: null, ruleSet: null } as const;

  it('covers text, language, references, metadata and rules, and not the order of keys', () => {
    const others = [
      { ...content, text: '"int"' },
      { ...content, format: 'JSON' as const },
      { ...content, references: [{ name: 'a', subject: 'b', version: 1 }] },
      { ...content, metadata: { properties: { a: '1' } } },
      { ...content, ruleSet: { domainRules: [{ name: 'a', type: 'T' }] } },
    ];
    const identities = [content, ...others].map(schemaIdentity);
    expect(new Set(identities).size).toBe(identities.length);
    expect(schemaIdentity({ ...content, metadata: { properties: { a: '1', b: '2' } } })).toBe(
      schemaIdentity({ ...content, metadata: { properties: { b: '2', a: '1' } } }),
    );
    expect(textIdentity({ ...content })).toBe(textIdentity({ ...content }));
  });

  it('prints as a UUID of version 8', () => {
    expect(schemaGuid(schemaIdentity(content))).toMatch(
      /^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
    );
  });
});
