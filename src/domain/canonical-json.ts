import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { LinewardError } from '../errors/lineward-error.ts';

/** RFC 8785 canonical JSON text of a value; refuses what JSON cannot say. */
export function canonicalJson(value: unknown): string {
  const text = attempt(() => canonicalize(value));
  if (text === undefined) throw new LinewardError('VALUE_INVALID', 'The value has no canonical JSON form.');
  return text;
}

// The library throws plain errors for lone surrogates, numbers that are not finite and values nested too deep.
function attempt(write: () => string | undefined): string | undefined {
  try {
    return write();
  } catch {
    return undefined;
  }
}

/** Lower-case hex SHA-256 of the canonical JSON of a value. */
export function digestOf(value: unknown): string {
  return hash('sha256', canonicalJson(value));
}
