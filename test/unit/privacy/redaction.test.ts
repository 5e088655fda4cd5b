import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emailFiller, redactEmail } from '../../../src/domain/privacy/email-redactor.ts';
import { redactPhone } from '../../../src/domain/privacy/phone-redactor.ts';
import { ProtectedValue, redactValue } from '../../../src/domain/privacy/redact-value.ts';
import { redactorOf } from '../../../src/domain/privacy/redaction-rule.ts';
import { SemanticTypes } from '../../../src/domain/privacy/semantic-type.ts';
import redaction from '../../vectors/redaction.json' with { type: 'json' };

const types = new SemanticTypes();
const typeNames = types.names;
const redact = (name: string, value: unknown): unknown => {
  const type = types.find(name);
  return type === null ? undefined : redactValue(redactorOf(type.name, type.redaction, null), value);
};

describe('redaction vectors', () => {
  it('leaves a value of no known type to the plan, which removes it', () => {
    expect(redact('shoe_size', '43')).toBeUndefined();
    expect(redact('__proto__', 'a')).toBeUndefined();
  });

  it.each(redaction.vectors)('redacts $type $in to $out', (vector) => {
    expect(redact(vector.type, vector.in)).toEqual(vector.out);
  });
});

describe('redacting phone numbers', () => {
  it('keeps the layout and changes at most the last four positions', () => {
    const dialled = fc
      .tuple(
        fc.constantFrom('', '+', '('),
        fc.array(fc.constantFrom(...'0123456789 -.()'.split('')), { maxLength: 30 }),
      )
      .map(([start, rest]) => start + rest.join(''));
    fc.assert(
      fc.property(dialled, (text) => {
        const input = text.trim();
        const output = redactPhone(text);
        const digits = [...input].flatMap((char, index) => (/\d/.test(char) ? [index] : []));
        if (digits.length === 0) return output === 'XXXX';
        const changed = [...input].flatMap((char, index) => (output[index] === char ? [] : [index]));
        expect(output).toHaveLength(input.length);
        expect(changed).toEqual(digits.slice(-4));
        expect(changed.every((index) => output[index] === 'X')).toBe(true);
        return true;
      }),
    );
  });

  it('never leaves the last four digits of a number standing, whatever surrounds it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.stringMatching(/^[0-9]{10}$/),
        fc.string(),
        (before, digits, after) => {
          // What surrounds the number must not hold the same digits itself.
          const [left, right] = [before, after].map((text) => text.replace(/\p{N}/gu, ''));
          expect(redactPhone(`${left}${digits}${right}`)).not.toContain(digits);
        },
      ),
    );
  });
});

describe('redacting mail addresses', () => {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789äßжש用';
  const local = fc
    .array(fc.constantFrom(...letters, '.', '+', '_', '-', 'e\u0301'), { minLength: 1, maxLength: 20 })
    .map((parts) => parts.join(''));

  it('never shows two consecutive graphemes of the local part', () => {
    fc.assert(
      fc.property(local, (part) => {
        const graphemes = [...new Intl.Segmenter('und').segment(part)].map(({ segment }) => segment);
        const output = redactEmail(`${part}@Q.Q`);
        for (let index = 1; index < graphemes.length; index += 1) {
          expect(output).not.toContain(`${graphemes[index - 1]}${graphemes[index]}`);
        }
        expect(output.endsWith(`${emailFiller}@Q.Q`)).toBe(true);
      }),
    );
  });

  it('answers one line for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        expect(redactEmail(`${text}@${text}`)).not.toMatch(/[\r\n\u2028\u2029\0]/);
      }),
    );
  });
});

describe('redacting any value', () => {
  it('never throws and never answers the input of a text', () => {
    fc.assert(
      fc.property(fc.constantFrom(...typeNames), fc.anything({ withBigInt: true, withDate: true }), (type, value) => {
        const output = redact(type, value);
        if (value !== null && typeof value === 'object') expect(output).not.toBe(value);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        for (const type of ['name', 'customertext', 'opaque']) {
          expect(['XXXX', '']).toContain(redact(type, text));
        }
      }),
    );
  });

  it('removes dates, bytes, booleans and class instances', () => {
    for (const value of [new Date(), Buffer.from('a'), true, new Map([['a', 'b']]), Symbol('a'), () => 'a']) {
      expect(redact('name', value)).toBeUndefined();
    }
  });

  it('removes a cycle, and what lies deeper than 32 containers', () => {
    const cycle: Record<string, unknown> = { a: '911' };
    cycle.self = cycle;
    expect(redact('phonenumber', [cycle])).toEqual([{ XXXX: 'XXX' }]);
    const nested = (depth: number): unknown => (depth === 0 ? '911' : [nested(depth - 1)]);
    expect(JSON.stringify(redact('phonenumber', nested(32)))).toContain('XXX');
    expect(JSON.stringify(redact('phonenumber', nested(34)))).not.toContain('XXX');
  });

  it('redacts a part that many share once, so a small value cannot grow without bound', () => {
    let value: unknown = '911';
    for (let level = 0; level < 31; level += 1) value = [value, value];
    let part = redact('phonenumber', value);
    while (Array.isArray(part)) part = part[1];
    expect(part).toBe('XXX');
  });

  it('removes what cannot be read', () => {
    const hostile = Object.defineProperty({}, 'a', {
      enumerable: true,
      get: () => {
        throw new TypeError('no');
      },
    });
    expect(redact('name', hostile)).toBeUndefined();
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(redact('name', proxy)).toBeUndefined();
  });

  it('keeps keys that look like prototypes as data', () => {
    const output = redact('phonenumber', JSON.parse('{"__proto__": {"polluted": "1"}, "constructor": "2"}'));
    expect(Object.getPrototypeOf(output)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(output).toEqual({ XXXX: { XXXX: 'X' }, 'XXXX#2': 'X' });
    expect(redact('__proto__', 'a')).toBeUndefined();
  });

  it.each(['(', '<', '"', '[', '@', ',', '\\', '1', 'a', ' ', '\u0301', 'x1'])(
    'takes time in proportion to the length of 100,000 × %j',
    (unit) => {
      for (const type of ['phonenumber', 'email', 'customertext', 'name']) {
        const elapsedMs = (count: number): number => {
          const text = unit.repeat(count);
          const started = performance.now();
          redact(type, text);
          redact(type, `a@${text}`);
          return performance.now() - started;
        };
        elapsedMs(1_000);
        // Quadratic work would take minutes here.
        expect(elapsedMs(100_000)).toBeLessThan(2_000);
      }
    },
  );
});

describe('what is marked as protected', () => {
  it('is not redacted again, and JSON shows what is inside', () => {
    const marked = new ProtectedValue('+1123456XXXX', 'phonenumber');
    expect(redact('phonenumber', [marked, '+11234567890'])).toEqual([marked, '+1123456XXXX']);
    expect(redact('phonenumber', marked)).toBe(marked);
    expect(JSON.stringify({ to: marked })).toBe('{"to":"+1123456XXXX"}');
  });
});

describe('the short ways', () => {
  // A zero width character sends a text the long way, and is dropped there.
  const longWay = (text: string): string => `${text.slice(0, 1)}\u200b${text.slice(1)}`;

  it('of phone numbers answer what the long way answers', () => {
    const layout = fc.array(fc.constantFrom(...'0123456789 +-.()'), { minLength: 1, maxLength: 45 });
    fc.assert(
      fc.property(layout, (chars) => {
        const text = chars.join('');
        expect(redactPhone(text)).toBe(redactPhone(longWay(text)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('of mail addresses answer what the long way answers', () => {
    const chars = fc.array(fc.constantFrom(...'abZ09@@.-_+%'), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(chars, (given) => {
        const text = given.join('');
        expect(redactEmail(text)).toBe(redactEmail(longWay(text)));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('semantic types', () => {
  it('finds types by name and alias in any case', () => {
    expect(types.find('phonenummer')?.name).toBe('phonenumber');
    expect(types.find(' PhoneNumber ')?.name).toBe('phonenumber');
    expect(types.find('toString')).toBeNull();
  });

  it('spells no name twice', () => {
    const spellings = types.all.flatMap(({ name, aliases }) => [name, ...aliases]);
    expect(new Set(spellings).size).toBe(spellings.length);
  });

  it('leaves no classified type unprotected', () => {
    for (const type of types.all) {
      if (type.classifications.length > 0) expect(type.defaultAction).not.toBe('NONE');
    }
  });
});
