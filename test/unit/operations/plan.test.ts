import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type OperationPlan, planHash } from '../../../src/domain/operations/plan.ts';

const count = fc.nat({ max: 1_000 });
const gap = fc.record({ code: fc.string(), dataset: fc.string(), reason: fc.string() });
const target = fc.record({
  dataset: fc.record({ id: fc.uuid(), namespace: fc.string(), name: fc.string() }),
  role: fc.constantFrom('TOPIC' as const, 'LAKE_TABLE' as const),
  sequence: count,
  accountField: fc.string(),
  subjectFields: fc.array(fc.string()),
  estimate: fc.record({
    action: fc.constantFrom('REWRITE' as const, 'NONE' as const),
    files: count,
    bytes: count,
    records: count,
    seconds: count,
    gaps: fc.array(gap, { maxLength: 2 }),
    manifest: fc.array(fc.record({ path: fc.string(), bytes: count }), { maxLength: 2 }),
  }),
});
const plan: fc.Arbitrary<OperationPlan> = fc.record({
  operationId: fc.uuid(),
  kind: fc.constant('ERASURE'),
  subjects: fc.array(fc.record({ digest: fc.string(), held: fc.boolean() }), { maxLength: 3 }),
  targets: fc.array(target, { maxLength: 3 }),
  gaps: fc.array(gap, { maxLength: 2 }),
});

/** The same value with the keys of every object in reverse order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reversed(item)]),
  );
}

/** The paths of all values that are no objects. */
function leaves(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, item]) => leaves(item, [...path, key]));
}

function changed(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined)
    return typeof value === 'number' ? value + 1 : typeof value === 'boolean' ? !value : `${value}x`;
  const copy: unknown = Array.isArray(value) ? [...value] : { ...(value as object) };
  const record = copy as Record<string, unknown>;
  record[key] = changed(record[key], rest);
  return copy;
}

describe('the hash of a plan', () => {
  it('is a SHA-256 that does not depend on the order of keys', () => {
    fc.assert(
      fc.property(plan, (one) => {
        expect(planHash(one)).toMatch(/^[0-9a-f]{64}$/);
        expect(planHash(reversed(one) as OperationPlan)).toBe(planHash(one));
      }),
    );
  });

  it('changes with every single thing in it', () => {
    fc.assert(
      fc.property(plan, fc.nat(), (one, pick) => {
        const paths = leaves(one);
        const other = changed(one, paths[pick % paths.length] ?? []) as OperationPlan;
        expect(planHash(other)).not.toBe(planHash(one));
      }),
    );
  });
});
