import { describe, expect, it } from 'vitest';
import { applyProtection } from '../../../src/domain/privacy/apply-protection.ts';
import type { ProtectionPolicy } from '../../../src/domain/privacy/protection-policy.ts';
import { SemanticTypes } from '../../../src/domain/privacy/semantic-type.ts';
import { entityFullName, errorOf, field, planOf, policy } from './plan-builders.ts';

describe('compiling protection', () => {
  const phone = field('phone', 'phonenumber', true);
  const actionOf = (policies: readonly ProtectionPolicy[]) =>
    planOf([field('phone', 'phonenummer')], policies).steps[0]?.action;

  it('takes the action of the type where no policy speaks', () => {
    expect(
      planOf([field('phone', 'phonenumber'), field('at', 'datetime'), field('text', 'customertext')]).steps,
    ).toMatchObject([
      { path: 'phone', semanticType: 'phonenumber', action: 'REDACT', removalForm: 'EMPTY' },
      { path: 'at', semanticType: 'datetime', action: 'NONE', removalForm: 'EMPTY' },
      { path: 'text', semanticType: 'customertext', action: 'REMOVE', removalForm: 'EMPTY' },
    ]);
  });

  it('lets the narrowest scope win, even when it is milder', () => {
    const ladder = [
      policy('GLOBAL', null, 'REMOVE'),
      policy('NAMESPACE', 'Demo', 'ENCRYPT'),
      policy('ENTITY', entityFullName, 'REDACT'),
      policy('FIELD', `${entityFullName}#phone`, 'NONE'),
    ];
    const expected = ['REMOVE', 'ENCRYPT', 'REDACT', 'NONE'];
    for (let count = 1; count <= ladder.length; count += 1) {
      expect(actionOf(ladder.slice(0, count))).toBe(expected[count - 1]);
      expect(actionOf(ladder.slice(0, count).reverse())).toBe(expected[count - 1]);
    }
  });

  it('lets the stricter action win at equal scope', () => {
    const actions = ['NONE', 'REDACT', 'ENCRYPT', 'REMOVE'] as const;
    for (const [index, strict] of actions.entries()) {
      for (const mild of actions.slice(0, index)) {
        expect(actionOf([policy('GLOBAL', null, strict), policy('GLOBAL', '', mild)])).toBe(strict);
      }
    }
  });

  it('ignores policies of other places and types', () => {
    expect(
      actionOf([
        policy('NAMESPACE', 'Other', 'NONE'),
        policy('ENTITY', 'Demo.Other', 'NONE'),
        policy('FIELD', `${entityFullName}#other`, 'NONE'),
        policy('GLOBAL', null, 'NONE', 'email'),
      ]),
    ).toBe('REDACT');
  });

  it('removes unknown types whatever the defaults, with a warning', () => {
    const plan = planOf([field('shoe', 'shoe_size', true)], [], { accountField: null });
    expect(plan.steps).toMatchObject([
      { path: 'shoe', semanticType: 'shoe_size', action: 'REMOVE', removalForm: 'NULL' },
    ]);
    expect(plan.warnings.map(({ path }) => path)).toEqual(['shoe']);
  });

  it('lists untyped leaves as gaps, and refuses them under strict', () => {
    const fields = [
      field('account'),
      field('user'),
      field('user.id'),
      field('user.mail', 'email'),
      field('tags'),
      field('tags[]'),
    ];
    expect(planOf(fields).gaps).toEqual(['user.id', 'tags[]']);
    const refusal = errorOf(() => planOf(fields, [], { strict: true }));
    expect([refusal.code, refusal.details]).toEqual(['SCHEMA_INVALID', { fields: ['user.id', 'tags[]'] }]);
  });

  it('lets an untyped field inherit the type of its parent, and the policy with it', () => {
    const plan = planOf(
      [field('user', 'name'), field('user.first'), field('user.mail', 'email'), field('user.nick[]')],
      [policy('FIELD', `${entityFullName}#user`, 'ENCRYPT', 'name')],
    );
    expect(plan.steps.map(({ path, semanticType, action }) => `${path} ${semanticType} ${action}`)).toEqual([
      'user name ENCRYPT',
      'user.first name ENCRYPT',
      'user.mail email REDACT',
      'user.nick[] name ENCRYPT',
    ]);
    expect(plan.gaps).toEqual([]);
  });

  it('warns when a plan encrypts without a plain account field, or hides the account itself', () => {
    const encrypt = [policy('GLOBAL', null, 'ENCRYPT')];
    expect(planOf([phone], encrypt, { accountField: null }).warnings).toHaveLength(1);
    expect(planOf([phone], encrypt, { accountField: 'account' }).warnings).toHaveLength(1);
    expect(planOf([phone, field('account')], encrypt).warnings).toEqual([]);
    expect(planOf([phone], encrypt, { accountField: 'phone' }).warnings).toHaveLength(1);
    expect(planOf([phone], [], { accountField: null }).warnings).toEqual([]);
  });

  it.each([
    [policy('GLOBAL', null, 'REDACT', 'phonenumber', { suite: 3 }), 'BAD_INPUT'],
    [policy('GLOBAL', null, 'ENCRYPT', 'phonenumber', { removalForm: 'NULL' }), 'BAD_INPUT'],
    [policy('GLOBAL', null, 'REDACT', ''), 'BAD_INPUT'],
    [{ ...policy('GLOBAL', null, 'REDACT'), classification: 'PII' }, 'BAD_INPUT'],
    [policy('GLOBAL', 'Demo', 'REDACT'), 'BAD_INPUT'],
    [policy('ENTITY', null, 'REDACT'), 'BAD_INPUT'],
    [policy('FIELD', entityFullName, 'REDACT'), 'BAD_INPUT'],
    [policy('GLOBAL', null, 'REDACT', 'shoe_size'), 'SEMANTIC_TYPE_UNKNOWN'],
  ])('refuses the policy %j', (wrong, code) => {
    expect(errorOf(() => planOf([], [wrong])).code).toBe(code);
  });

  it('follows a policy of a classification, and the stricter of it and one of the type', () => {
    const ofPii = (action: ProtectionPolicy['action']) => ({
      ...policy('GLOBAL', null, action, ''),
      classification: 'PII',
    });
    const fields = [field('to', 'phonenumber'), field('at', 'datetime')];
    const actionsOf = (policies: readonly ProtectionPolicy[]) =>
      planOf(fields, policies).steps.map((one) => one.action);
    expect(actionsOf([ofPii('ENCRYPT')])).toEqual(['ENCRYPT', 'NONE']);
    expect(actionsOf([ofPii('ENCRYPT'), policy('GLOBAL', null, 'REMOVE')])).toEqual(['REMOVE', 'NONE']);
    expect(actionsOf([ofPii('REMOVE'), policy('GLOBAL', null, 'NONE')])).toEqual(['REMOVE', 'NONE']);
    expect(actionsOf([ofPii('REMOVE'), policy('ENTITY', entityFullName, 'NONE')])).toEqual(['NONE', 'NONE']);
  });

  it('makes tokens where a policy says so, and refuses to without a key', () => {
    const tokens = [policy('GLOBAL', null, 'TOKENIZE')];
    const plan = planOf([phone], tokens, { tokenize: (type, value) => `${type}!${value.length}` });
    expect(applyProtection(plan, { phone: ['911', null] }, () => '').record).toEqual({
      phone: ['phonenumber!3', null],
    });
    expect(errorOf(() => planOf([phone], tokens)).code).toBe('INTERNAL');
  });

  it('asks for a field that names the person where a policy encrypts under keys of persons', () => {
    const own = [policy('GLOBAL', null, 'ENCRYPT', 'phonenumber', { keyScope: 'SUBJECT' })];
    const plan = planOf([phone, field('account'), field('user')], own, { subjectField: 'user' });
    expect(plan).toMatchObject({ encrypts: true, encryptsForAccounts: false, encryptsForSubjects: true, warnings: [] });
    expect(planOf([phone, field('account')], own).warnings).toHaveLength(1);
  });

  it('knows types that were defined here', () => {
    const badge = {
      name: 'badge',
      version: 3,
      isBuiltIn: false,
      aliases: ['badge_no'],
      classifications: ['PII'],
      defaultAction: 'REDACT' as const,
      redaction: { kind: 'KEEP_LAST' as const, count: 2, filler: '…' },
      derivedPolicy: 'REDACT' as const,
      description: '',
    };
    const plan = planOf([field('no', 'Badge_No')], [], { types: new SemanticTypes([badge]) });
    expect(applyProtection(plan, { no: 'E-12345' }, () => '').record).toEqual({ no: '…45' });
    expect(planOf([field('no', 'badge')]).steps).toMatchObject([{ action: 'REMOVE' }]);
  });

  it('refuses malformed and repeated paths', () => {
    for (const path of ['', 'a..b', 'a[', 'a[]b', '[]', 'a.{}', 'a[0]']) {
      expect(errorOf(() => planOf([field(path)])).code, path).toBe('SCHEMA_INVALID');
    }
    expect(errorOf(() => planOf([field('a'), field('a')])).code).toBe('FIELD_DUPLICATE');
  });
});
