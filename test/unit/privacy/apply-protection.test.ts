import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyProtection, idIn, type Seal } from '../../../src/domain/privacy/apply-protection.ts';
import type { ProtectionPlan } from '../../../src/domain/privacy/protection-plan.ts';
import type { ProtectionPolicy } from '../../../src/domain/privacy/protection-policy.ts';
import { entityFullName, errorOf, field, planOf, policy } from './plan-builders.ts';

const seal: Seal = (value, { semanticType }) => `sealed(${semanticType}:${JSON.stringify(value)})`;
const applied = (plan: ProtectionPlan, record: unknown) => applyProtection(plan, record, seal);

describe('applying protection', () => {
  it('acts on nested records, arrays and maps, keeps key order and leaves the input alone', () => {
    const plan = planOf(
      [
        field('zone'),
        field('user'),
        field('user.mail', 'email'),
        field('phones[]', 'phonenumber'),
        field('contacts{}.phone', 'phonenumber'),
        field('notes', 'customertext'),
        field('account'),
      ],
      [policy('FIELD', `${entityFullName}#phones[]`, 'ENCRYPT')],
    );
    const record = {
      zone: 'eu',
      user: { mail: 'jdoe@x.com' },
      phones: ['911', null, '12'],
      contacts: { home: { phone: '72345' } },
      notes: 'call me',
      account: 'AC1',
    };
    const before = structuredClone(record);
    const { record: output, ...counts } = applied(plan, record);
    expect(output).toEqual({
      zone: 'eu',
      user: { mail: 'j***@x.com' },
      phones: ['sealed(phonenumber:"911")', null, 'sealed(phonenumber:"12")'],
      contacts: { home: { phone: '7XXXX' } },
      notes: '',
      account: 'AC1',
    });
    expect(Object.keys(output)).toEqual(Object.keys(record));
    expect(counts).toEqual({ unknownRemoved: 0, faultsRemoved: 0 });
    expect(record).toEqual(before);
  });

  it('treats the keys of a typed map as values', () => {
    const fields = [field('calls{}', 'phonenumber')];
    const record = { calls: { '+11234567890': '911', '+11234567891': null } };
    expect(applied(planOf(fields), record).record).toEqual({
      calls: { '+1123456XXXX': 'XXX', '+1123456XXXX#2': null },
    });
    expect(applied(planOf(fields, [policy('GLOBAL', null, 'ENCRYPT')]), record).record).toEqual({
      calls: {
        'sealed(phonenumber:"+11234567890")': 'sealed(phonenumber:"911")',
        'sealed(phonenumber:"+11234567891")': null,
      },
    });
    expect(applied(planOf(fields, [policy('GLOBAL', null, 'REMOVE')]), record).record).toEqual({ calls: {} });
  });

  it('removes to an empty text, to null or altogether', () => {
    const removeAs = (removalForm: 'EMPTY' | 'NULL' | null, semanticType: string): ProtectionPolicy => ({
      ...policy('GLOBAL', null, 'REMOVE', semanticType),
      params: { removalForm },
    });
    const outcome = (type: string, nullable: boolean, form: 'EMPTY' | 'NULL' | null, value: unknown) =>
      applied(planOf([field('a', type, nullable)], [removeAs(form, type)]), { a: value }).record;
    expect(outcome('customertext', false, 'NULL', 'hi')).toEqual({ a: '' });
    expect(outcome('customertext', true, null, 'hi')).toEqual({ a: '' });
    expect(outcome('customertext', true, 'NULL', 'hi')).toEqual({ a: null });
    expect(outcome('name', true, null, 'hi')).toEqual({ a: null });
    expect(outcome('name', true, 'EMPTY', 7)).toEqual({ a: null });
    expect(outcome('name', false, null, 7)).toEqual({});
    expect(outcome('name', false, null, ['a', 7, null])).toEqual({ a: ['', null, null] });
    expect(outcome('name', false, null, null)).toEqual({ a: null });
  });

  it('leaves out fields that the schema does not know, or not in that shape, and counts them', () => {
    const plan = planOf([field('user.mail', 'email'), field('list[]'), field('free')]);
    const record = { user: 'jdoe@x.com', list: { a: 1 }, free: { any: ['thing'] }, extra: '911', __proto__: null };
    expect(applied(plan, record)).toEqual({
      record: { free: { any: ['thing'] } },
      unknownRemoved: 3,
      faultsRemoved: 0,
    });
    expect(applied(plan, { user: { mail: 'jdoe@x.com', more: 1 } })).toMatchObject({
      record: { user: { mail: 'j***@x.com' } },
      unknownRemoved: 1,
    });
  });

  it('keeps prototype keys data, whether the schema knows them or not', () => {
    const record = JSON.parse('{"__proto__": {"polluted": "1"}, "constructor": "2", "a": "3"}');
    expect(applied(planOf([field('a')]), record)).toMatchObject({ record: { a: '3' }, unknownRemoved: 2 });
    const known = applied(planOf([field('__proto__'), field('constructor')]), record).record;
    expect(Object.getPrototypeOf(known)).toBe(Object.prototype);
    expect(Object.keys(known)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('leaves out a field that cannot be read, instead of passing it on or failing the record', () => {
    const record = Object.defineProperty({ b: 'x' }, 'a', {
      enumerable: true,
      get: () => {
        throw new TypeError('secret');
      },
    });
    expect(applied(planOf([field('a'), field('b')]), record)).toEqual({
      record: { b: 'x' },
      unknownRemoved: 0,
      faultsRemoved: 1,
    });
  });

  it('refuses a record whose value cannot be sealed, naming the field and no value', () => {
    const plan = planOf([field('user.phones[]', 'phonenumber')], [policy('GLOBAL', null, 'ENCRYPT')]);
    const refusal = errorOf(() =>
      applyProtection(plan, { user: { phones: ['+14155552671'] } }, (value) => {
        throw new TypeError(`cannot seal ${String(value)}`);
      }),
    );
    expect([refusal.code, refusal.field, refusal.cause]).toEqual(['VALUE_INVALID', ['user.phones[]'], undefined]);
    expect(refusal.message).not.toContain('415');
    for (const record of [null, 'a', [], new Date()]) {
      expect(errorOf(() => applied(plan, record)).code).toBe('VALUE_INVALID');
    }
  });

  it('ends on an array that holds itself', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const plan = planOf([field('a', 'phonenumber')], [policy('GLOBAL', null, 'ENCRYPT')]);
    expect(errorOf(() => applied(plan, { a: cycle })).field).toEqual(['a']);
    expect(applied(planOf([field('a', 'phonenumber')]), { a: cycle }).record).toEqual({ a: [null] });
  });

  it('shows no typed text unredacted, whatever shape the record has', () => {
    const plan = planOf([
      field('a', 'name'),
      field('b.c[]', 'name'),
      field('b.d{}', 'name'),
      field('e{}.f', 'customertext'),
    ]);
    const secret = fc.constantFrom('secret', ['secret'], { secret: 'secret' }, { c: 'secret', d: ['secret'] });
    const shape = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        secret,
        fc.array(tie('node')),
        fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'f'), tie('node')),
      ),
    })).node;
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'e', 'x'), shape), (record) => {
        const { record: output } = applied(plan, record);
        // Keys of the untyped map `e{}` pass by design; its values do not.
        expect(JSON.stringify({ ...output, e: Object.values(output.e ?? {}) })).not.toContain('secret');
      }),
    );
  });
});

describe('finding the account of a record', () => {
  const accountIdOf = (record: unknown) => idIn('owner.id', record);

  it('reads text and whole numbers from the account field', () => {
    expect(accountIdOf({ owner: { id: 'AC1' } })).toBe('AC1');
    expect(accountIdOf({ owner: { id: 7 } })).toBe('7');
    expect(accountIdOf({ owner: { id: 7n } })).toBe('7');
  });

  it('finds none in a record without one', () => {
    for (const record of [
      null,
      {},
      { owner: null },
      { owner: { id: '' } },
      { owner: { id: 1.5 } },
      { owner: ['id'] },
    ]) {
      expect(accountIdOf(record)).toBeNull();
    }
  });
});
