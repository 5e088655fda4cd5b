import { describe, expect, it } from 'vitest';
import { TableProtection } from '../../../src/services/lake/table-protection.ts';
import { field, planOf } from '../privacy/plan-builders.ts';

describe('the protection of a table whose records lie inside themselves', () => {
  const children = { ...field('children'), recurrences: [{ at: 'children[]', to: '' }] };
  const plan = planOf([field('account'), field('phone', 'phonenumber'), field('note'), children]);
  const protection = new TableProtection(plan, { protectTexts: async () => [] });

  it('covers the column of the inner records', () => {
    const step = { semanticType: 'phonenumber', action: 'REDACT' };
    expect(protection.mark).toMatchObject({ columns: { phone: { phone: step }, children: { phone: step } } });
  });
});
