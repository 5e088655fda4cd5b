import { redactEmail } from './email-redactor.ts';
import { redactPhone } from './phone-redactor.ts';
import { opaqueToken } from './plain-text.ts';
import { semanticTypeOf } from './semantic-type.ts';

/** Containers nested deeper than this are removed. */
export const depthMax = 32;

/** Types that are missing here, e.g. `name` or `ip`, have no redactor of their own: nothing of their text is kept. */
const redactors: Readonly<Record<string, (text: string) => string>> = {
  phonenumber: redactPhone,
  email: redactEmail,
  customertext: () => '',
};

/**
 * The redacted form of a value of a semantic type; never throws and never answers the input on a fault.
 *
 * Strings, numbers and bigints become redacted strings. Arrays keep their length (null stands for a removed element).
 * Objects keep their shape; their keys are data too and are redacted, with `#2`, `#3` behind keys that become equal.
 * Null stays null. `undefined` means "removed": the answer for unknown types, booleans, dates, bytes, class instances,
 * cycles, and what lies deeper than {@link depthMax}.
 */
export function redactValue(semanticType: string, value: unknown): unknown {
  const type = semanticTypeOf(semanticType);
  if (type === null) return value === null ? null : undefined;
  const redactor = Object.hasOwn(redactors, type.name) ? redactors[type.name] : undefined;
  try {
    return new ValueRedaction(redactor ?? (() => opaqueToken)).of(value, 0);
  } catch {
    // A proxy or a getter can throw anything. What cannot be read is not passed on.
    return undefined;
  }
}

/** True for object literals and the like, false for class instances, dates, bytes, maps and arrays. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

class ValueRedaction {
  readonly #redactor: (text: string) => string;
  /** Result per container, `undefined` while it is being walked: breaks cycles, and keeps shared parts linear. */
  readonly #seen = new Map<object, unknown>();

  constructor(redactor: (text: string) => string) {
    this.#redactor = redactor;
  }

  of(value: unknown, depth: number): unknown {
    if (value === null) return null;
    if (typeof value === 'string') return this.#redactor(value);
    if (typeof value === 'number' || typeof value === 'bigint') return this.#redactor(String(value));
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
      if (redactedKey !== '' && redacted !== undefined) entries.push([keys.take(redactedKey), redacted]);
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
