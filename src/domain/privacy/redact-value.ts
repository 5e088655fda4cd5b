import type { Redactor } from './redaction-rule.ts';

/** Containers nested deeper than this are removed. */
export const depthMax = 32;

/**
 * A value that a pipeline has dealt with. Stages that meet one leave it as it is, so nothing is redacted twice; it is a type,
 * because a text such as `+1123456XXXX` does not tell whether it was redacted. JSON shows what is inside.
 */
export class ProtectedValue {
  readonly value: unknown;
  readonly semanticType: string;

  constructor(value: unknown, semanticType: string) {
    this.value = value;
    this.semanticType = semanticType;
  }

  toJSON(): unknown {
    return this.value;
  }
}

/**
 * The redacted form of a value; never throws and never answers the input on a fault.
 *
 * Strings, numbers and bigints become redacted strings. Arrays keep their length (null stands for a removed element).
 * Objects keep their shape; their keys are data too and are redacted, with `#2`, `#3` behind keys that become equal.
 * Null and what is marked as protected stay. `undefined` means "removed": the answer for booleans, dates, bytes, class
 * instances, cycles, and what lies deeper than {@link depthMax}.
 */
export function redactValue(redactor: Redactor, value: unknown): unknown {
  try {
    if (typeof value === 'string') return redactor(value);
    return new ValueRedaction(redactor).of(value, 0);
  } catch {
    // A proxy or a getter can throw anything. What cannot be read is not passed on.
    return undefined;
  }
}

/** True for object literals and the like, false for class instances, dates, bytes, maps and arrays. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

class ValueRedaction {
  readonly #redactor: Redactor;
  /** Result per container, `undefined` while it is being walked: breaks cycles, and keeps shared parts linear. */
  readonly #seen = new Map<object, unknown>();

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  of(value: unknown, depth: number): unknown {
    if (value === null) return null;
    if (typeof value === 'string') return this.#redactor(value);
    if (typeof value === 'number' || typeof value === 'bigint') return this.#redactor(String(value));
    if (value instanceof ProtectedValue) return value;
    if (typeof value !== 'object' || depth > depthMax) return undefined;
    if (this.#seen.has(value)) return this.#seen.get(value);
    this.#seen.set(value, undefined);
    const result = this.#container(value, depth);
    this.#seen.set(value, result);
    return result;
  }

  #container(value: object, depth: number): unknown {
    if (Array.isArray(value)) return Array.from(value, (item: unknown) => this.of(item, depth + 1) ?? null);
    if (!isPlainObject(value)) return undefined;
    const keys = new DistinctKeys();
    const entries: [string, unknown][] = [];
    for (const key of Object.keys(value)) {
      const redactedKey = this.#redactor(key);
      const redacted = this.of(value[key], depth + 1);
      if (redactedKey !== null && redactedKey !== '' && redacted !== undefined)
        entries.push([keys.take(redactedKey), redacted]);
    }
    return Object.fromEntries(entries);
  }
}

/** Gives out keys of one object so that no two are equal: `a`, `a#2`, `a#3`. */
export class DistinctKeys {
  readonly #uses = new Map<string, number>();

  take(key: string): string {
    let count = (this.#uses.get(key) ?? 0) + 1;
    while (count > 1 && this.#uses.has(`${key}#${count}`)) count += 1;
    this.#uses.set(key, count);
    if (count === 1) return key;
    const distinct = `${key}#${count}`;
    this.#uses.set(distinct, 1);
    return distinct;
  }
}
