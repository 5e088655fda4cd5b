import { describe, expect, it } from 'vitest';
import { newId } from '../../src/domain/id.ts';

describe('ids', () => {
  const ids = Array.from({ length: 20_000 }, newId);

  it('are UUIDs of version 7 with the time of now', () => {
    for (const id of ids) expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    const made = Number.parseInt(ids[0]?.replaceAll('-', '').slice(0, 12) ?? '', 16);
    expect(Math.abs(Date.now() - made)).toBeLessThan(10_000);
  });

  it('are in the order in which they were made, and none is given twice', () => {
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('end differently, so that those of two processes do', () => {
    expect(new Set(ids.map((id) => id.slice(-12))).size).toBe(ids.length);
  });
});
