import { describe, expect, it } from 'vitest';
import type { ProfileResult } from '../../../src/services/lake/ports.ts';
import { TableProtection } from '../../../src/services/lake/table-protection.ts';
import { TransformTally } from '../../../src/services/lake/table-transformation.ts';
import type { AccountKeyService } from '../../../src/services/privacy/account-key.service.ts';
import { ProtectionService } from '../../../src/services/privacy/protection.service.ts';
import type { TokenKeys } from '../../../src/services/privacy/token-keys.ts';
import { field, planOf, policy } from '../privacy/plan-builders.ts';

const protectTexts = async () => [];
/** What redaction does without. */
const nothing = { keys: {} as AccountKeyService, tokenKeys: {} as TokenKeys };
const tokenize = (type: string, value: string) => `${type}!${value.length}`;

describe('the protection of a table whose records lie inside themselves', () => {
  const children = { ...field('children'), recurrences: [{ at: 'children[]', to: '' }] };
  const plan = planOf([field('account'), field('phone', 'phonenumber'), field('note'), children]);
  const protection = new TableProtection(plan, { protectTexts });

  it('covers the column of the inner records', () => {
    const step = { semanticType: 'phonenumber', action: 'REDACT' };
    expect(protection.mark).toMatchObject({ columns: { phone: { phone: step }, children: { phone: step } } });
  });
});

describe('the protection of a table', () => {
  const profile = (names: readonly string[], metadata: ProfileResult['metadata'] = {}): ProfileResult => ({
    rows: 1,
    columns: names.map((name) => ({ name, form: 'JSON' })),
    metadata,
  });

  it.each(['__proto__', 'constructor', 'toString'])('covers a column named %s', (name) => {
    const protection = new TableProtection(planOf([field('account'), field(name, 'phonenumber')]), { protectTexts });
    const work = protection.of(profile(['account', name]));
    expect(work?.columns).toEqual([name]);
    expect(protection.of(profile(['account', name], work?.metadata))).toBeNull();
  });

  it('makes no tokens of tokens when policies speak of more of a column than before', () => {
    const policies = [policy('GLOBAL', null, 'TOKENIZE')];
    const before = planOf([field('account'), field('doc'), field('doc.to', 'phonenumber')], policies, { tokenize });
    const fields = [field('account'), field('doc'), field('doc.to', 'phonenumber'), field('doc.ip', 'ipaddress')];
    const now = new TableProtection(planOf(fields, policies, { tokenize }), { protectTexts });
    const done = new TableProtection(before, { protectTexts }).of(profile(['account', 'doc']))?.metadata;
    expect(done).toBeDefined();
    expect(now.of(profile(['account', 'doc']))?.columns).toEqual(['doc']);
    expect(now.of(profile(['account', 'doc'], done))).toBeNull();
    expect(now.gapsOf(profile(['account', 'doc'], done))).toMatchObject([{ code: 'COLUMN_TOKENIZED' }]);
    // What is redacted may be redacted again.
    const redacted = new TableProtection(planOf(fields), { protectTexts });
    expect(redacted.of(profile(['account', 'doc'], done))?.columns).toEqual(['doc']);
    expect(redacted.gapsOf(profile(['account', 'doc'], done))).toEqual([]);
  });

  const redacting = new TableProtection(
    planOf([field('account'), field('phone', 'phonenumber'), field('doc'), field('doc.to', 'phonenumber')]),
    { protectTexts: (plan, texts) => new ProtectionService(nothing).protectTexts(plan, texts) },
  );
  const protect = async (doc: string) => {
    const batch = { phone: ['+351234567890'], doc: [doc], tenant: ['A'] };
    const forms = { phone: 'TEXT', doc: 'JSON', tenant: 'TEXT' } as const;
    const columns = Object.entries(forms).map(([name, form]) => ({ name, form }));
    const tally = new TransformTally();
    const work = redacting.of({ rows: 1, columns, metadata: {} });
    return { answer: await work?.transform(batch, tally), tally };
  };

  it('names a few of the columns that are no fields, and counts the others', () => {
    const names = Array.from({ length: 23 }, (_, n) => `x${n}`);
    const gaps = redacting.gapsOf(profile(['account', 'phone', ...names]));
    expect(gaps.map(({ code }) => code)).toEqual(Array(21).fill('COLUMN_UNKNOWN'));
    expect(gaps.at(-1)?.reason).toMatch(/^3 more columns/u);
    expect(redacting.gapsOf(profile(['account', 'phone']))).toEqual([]);
  });

  it('counts what goes because the schema does not know it', async () => {
    const known = await protect('{"to":"+351234567890","to":"+351234567891"}');
    expect(known.answer).toEqual({ phone: ['+35123456XXXX'], doc: ['{"to":"+35123456XXXX","to":"+35123456XXXX"}'] });
    expect(known.tally.counts).toEqual({});
    const { answer, tally } = await protect('{"x":1,"to":"+351234567890","y":{"z":2}}');
    expect(answer?.doc).toEqual(['{"to":"+35123456XXXX"}']);
    expect(tally.counts).toEqual({ unknownRemoved: 2 });
  });

  it('protects values that cross as JSON, whatever they are, and says null of what is not there', async () => {
    const columns = ['account', 'phone', 'doc'].map((name) => ({ name, form: 'JSON' as const }));
    const work = redacting.of({ rows: 4, columns, metadata: {}, contentSha256: 'a' });
    expect(work?.columns).toEqual(['phone', 'doc']);
    const phone = ['"+351234567890"', null, '"\\u002b351234567890"', '"short"'];
    const doc = ['{"to": "+351234567890"}', '[1]', null, '"+351234567890"'];
    const account = ['"A"', '9007199254740993', null, '1'];
    const tally = new TransformTally();
    const answer = await work?.transform({ account, phone, doc }, tally);
    expect(answer?.phone).toEqual(['"+35123456XXXX"', null, '"+35123456XXXX"', '"XXXX"']);
    expect(answer?.doc?.[0]).toBe('{"to": "+35123456XXXX"}');
    expect(answer?.doc?.[2]).toBeNull();
    expect(tally.failures).toEqual({});
  });

  it.each(['1,"phone":"another"', '{"to":"+1"', '', '{}}'])('leaves a row whose JSON column holds %j', async (doc) => {
    const { answer, tally } = await protect(doc);
    expect(answer).toEqual({ phone: ['+351234567890'], doc: [doc] });
    expect(tally).toMatchObject({ counts: {}, failures: { VALUE_INVALID: 1 } });
  });
});
