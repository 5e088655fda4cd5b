import { isPlainObject, ProtectedValue } from './redact-value.ts';

/** A value that something was done to. */
export interface ProtectionChange {
  /** Place in the record, e.g. `contacts[0].email`. */
  readonly place: string;
  readonly semanticType: string;
  readonly before: unknown;
  readonly after: unknown;
}

const changesMax = 1_000;

/**
 * What a plan did to a record, from the record and its marked result. The first 1,000 changes in document order; values
 * under keys that were changed themselves have no counterpart and are left out.
 */
export function protectionChanges(before: unknown, marked: unknown): readonly ProtectionChange[] {
  const found: ProtectionChange[] = [];
  const visit = (place: string, was: unknown, is: unknown): void => {
    if (found.length >= changesMax || was === undefined) return;
    if (is instanceof ProtectedValue) {
      found.push({ place, semanticType: is.semanticType, before: was, after: is.value });
    } else if (Array.isArray(is) && Array.isArray(was)) {
      for (const [index, item] of is.entries()) visit(`${place}[${index}]`, was[index], item);
    } else if (isPlainObject(is) && isPlainObject(was)) {
      for (const [key, item] of Object.entries(is))
        visit(place === '' ? key : `${place}.${key}`, Object.hasOwn(was, key) ? was[key] : undefined, item);
    }
  };
  visit('', before, marked);
  return found;
}
