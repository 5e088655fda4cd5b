import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { builtInRedactors } from '../../../src/domain/privacy/built-in-redactors.ts';
import redaction from '../../vectors/redaction.json' with { type: 'json' };

const page = readFileSync(new URL('../../../docs/privacy.md', import.meta.url), 'utf8');

it('the table of redactions in the manual says what the vectors say, for every redactor', () => {
  const rows = [...page.matchAll(/^\| (\w+) \| `(.+)` \| `(.+)` \|$/gm)].map(([, type = '', given, shown]) => ({
    type,
    in: JSON.parse(given ?? ''),
    out: JSON.parse(shown ?? ''),
  }));
  expect(rows.length).toBeGreaterThan(40);
  for (const row of rows) expect(redaction.vectors).toContainEqual(row);
  expect(new Set(rows.map(({ type }) => type))).toEqual(new Set(redaction.vectors.map(({ type }) => type)));
  expect([...builtInRedactors.keys()].filter((type) => !rows.some((row) => row.type === type))).toEqual([]);
});
