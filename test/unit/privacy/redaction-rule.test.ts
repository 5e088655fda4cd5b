import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertRedactionRule, type RedactionRule, redactorOf } from '../../../src/domain/privacy/redaction-rule.ts';
import { assertSemanticType, type SemanticType, SemanticTypes } from '../../../src/domain/privacy/semantic-type.ts';
import { tokenizeUnder } from '../../../src/domain/privacy/token.ts';
import { errorOf } from './plan-builders.ts';

const redact = (rule: RedactionRule, text: string) => redactorOf('badge', rule, null)(text);
const first = (count: number, filler = '…'): RedactionRule => ({ kind: 'KEEP_FIRST', count, filler });
const last = (count: number, filler = '…'): RedactionRule => ({ kind: 'KEEP_LAST', count, filler });
const layout = (text: string): RedactionRule => ({ kind: 'LAYOUT', layout: text });

describe('a rule of redaction', () => {
  it.each([
    [first(2), 'abcd', 'ab…'],
    [first(2), 'abc', '…'],
    [first(2), '', '…'],
    [first(1), '😀😀', '😀…'],
    [first(1), '\u200b ab', 'a…'],
    [last(2), 'abcd', '…cd'],
    [last(2), 'abc', '…'],
    [last(1), '😀😁', '…😁'],
    [last(3, ''), 'x'.repeat(9), 'xxx'],
    [layout('##-XXXX'), '12-3456', '12-XXXX'],
    [layout('##-XXXX'), 'ab-cdef', 'ab-XXXX'],
    [layout('##-XXXX'), '12-345', 'XXXX'],
    [layout('##-XXXX'), '12/3456', 'XXXX'],
    [layout('##-XXXX'), '12-3456 ', '12-XXXX'],
    [layout('\\#\\XX'), '#X9', '#XX'],
    [layout('#X'), '--', 'XXXX'],
    [{ kind: 'CONSTANT', text: 'gone' } as const, 'anything', 'gone'],
    [{ kind: 'NULL' } as const, 'anything', null],
    [{ kind: 'BUILT_IN' } as const, 'anything', 'XXXX'],
  ])('%j makes of %j %j', (rule, text, expected) => {
    expect(redact(rule, text)).toBe(expected);
  });

  it.each<[RedactionRule, string]>([
    [{ kind: 'BUILT_IN' }, 'kind'],
    [first(0), 'count'],
    [first(65), 'count'],
    [last(1.5), 'count'],
    [last(1, ''), 'filler'],
    [last(1, 'a\nb'), 'filler'],
    [layout(''), 'layout'],
    [layout('###'), 'layout'],
    [layout('\\X'), 'layout'],
    [{ kind: 'CONSTANT', text: 'x'.repeat(201) }, 'text'],
  ])('%j is refused for its %s', (rule, member) => {
    expect(errorOf(() => assertRedactionRule(rule))).toMatchObject({ code: 'BAD_INPUT', field: ['redaction', member] });
  });

  it('never shows more than half of a text, and never throws', () => {
    const rules = fc.constantFrom(first(1), first(4), last(1), last(4));
    fc.assert(
      fc.property(rules, fc.string({ unit: 'binary', minLength: 1 }), (rule, text) => {
        const shown = String(redact(rule, text)).replace('…', '');
        expect([...shown].length * 2).toBeLessThanOrEqual([...text].length);
        expect(shown.isWellFormed()).toBe(true);
      }),
    );
  });

  it.each([first(3), last(3), layout('##-XXXX')])('%j takes time in proportion to the text', (rule) => {
    const started = performance.now();
    redact(rule, '('.repeat(5_000_000));
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe('a token', () => {
  const tokenize = tokenizeUnder(createSecretKey(Buffer.alloc(32, 7)));

  it('is the same for the same value however it is spelled, and another for another type or key', () => {
    expect(tokenize('email', 'Ada@X.com ')).toBe(tokenize('email', 'ada@x.com'));
    expect(tokenize('phonenumber', '+1 (415) 555-2671')).toBe(tokenize('phonenumber', '+14155552671'));
    expect(tokenize('name', 'Zoe\u0301')).toBe(tokenize('name', 'Zo\u00e9'));
    const others = [tokenize('name', 'a'), tokenize('ssn', 'a'), tokenize('name', 'b')];
    others.push(tokenizeUnder(createSecretKey(Buffer.alloc(32, 8)))('name', 'a'));
    expect(new Set(others).size).toBe(4);
    for (const token of others) expect(token).toMatch(/^tok_[\w-]{22}$/);
  });
});

describe('a definition of a semantic type', () => {
  const badge: SemanticType = {
    name: 'badge',
    version: 1,
    isBuiltIn: false,
    aliases: [],
    classifications: ['PII'],
    defaultAction: 'REDACT',
    redaction: { kind: 'CONSTANT', text: 'XXXX' },
    derivedPolicy: 'REDACT',
    description: '',
  };
  const known = new SemanticTypes([badge]);

  it.each<[Partial<SemanticType>, string, string]>([
    [{ name: 'Badge!' }, 'BAD_INPUT', 'name'],
    [{ name: 'email' }, 'ALREADY_EXISTS', 'name'],
    [{ name: 'msisdn' }, 'ALREADY_EXISTS', 'name'],
    [{ name: 'pass', aliases: ['badge'] }, 'ALREADY_EXISTS', 'aliases'],
    [{ aliases: ['phone'] }, 'ALREADY_EXISTS', 'aliases'],
    [{ aliases: Array.from({ length: 21 }, (_, i) => `a${i}`) }, 'BAD_INPUT', 'aliases'],
    [{ classifications: ['pii'] }, 'BAD_INPUT', 'classifications'],
    [{ defaultAction: 'NONE' }, 'BAD_INPUT', 'defaultAction'],
    [{ description: 'x'.repeat(1_001) }, 'BAD_INPUT', 'description'],
  ])('%j is refused', (change, code, member) => {
    expect(errorOf(() => assertSemanticType({ ...badge, ...change }, known))).toMatchObject({ code, field: [member] });
  });

  it('may change its own', () => {
    expect(() => assertSemanticType({ ...badge, version: 2, aliases: ['badge_no'] }, known)).not.toThrow();
  });
});
