import type { z } from 'zod';
import { knownNames, placeOf, type SpecIssue } from './spec-issue.ts';
import { type TransformerSpec, transformerDocument, transformTypes } from './transformer-spec.ts';

/** A document as it was read, or all that is wrong with its shape. */
export type ReadSpec =
  | { readonly ok: true; readonly spec: TransformerSpec }
  | { readonly ok: false; readonly issues: readonly SpecIssue[] };

/** Longest document, in characters. */
const documentCharsMax = 200_000;

/**
 * Reads a document. `orders` are ordered lists of values that are given beside it, for documents that only name them; a list
 * that both give must be the same.
 */
export function readSpec(text: string, orders: Readonly<Record<string, readonly string[]>> = {}): ReadSpec {
  if (text.length > documentCharsMax) return notJson(`It has more than ${documentCharsMax} characters.`);
  const value = parsed(text);
  if (value === undefined) return notJson('It is not JSON.');
  const read = transformerDocument.safeParse(value);
  if (!read.success) return { ok: false, issues: read.error.issues.flatMap((issue) => issuesOf(issue, value)) };
  const issues = Object.keys(orders).flatMap((name) => conflictOf(name, orders[name] ?? [], read.data.orders));
  if (issues.length > 0) return { ok: false, issues };
  const all = { ...read.data.orders, ...mutable(orders) };
  return { ok: true, spec: Object.keys(all).length === 0 ? read.data : { ...read.data, orders: all } };
}

const notJson = (message: string): ReadSpec => ({ ok: false, issues: [{ path: '', code: 'NOT_JSON', message }] });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const mutable = (orders: Readonly<Record<string, readonly string[]>>): Record<string, string[]> =>
  Object.fromEntries(Object.entries(orders).map(([name, values]) => [name, [...values]]));

function conflictOf(name: string, values: readonly string[], inside: TransformerSpec['orders']): readonly SpecIssue[] {
  const given = inside?.[name];
  if (given === undefined || JSON.stringify(given) === JSON.stringify(values)) return [];
  const message = `The list ${name} is given beside the document, too, with other values; leave one out.`;
  return [{ path: placeOf(['orders', name]), code: 'ORDER_INVALID', message }];
}

type Issue = z.core.$ZodIssue;

/** Zod's word for a fault in ours. No value of the document is repeated but the names of members and transforms. */
function issuesOf(issue: Issue, value: unknown): readonly SpecIssue[] {
  const path = placeOf(issue.path);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      path: placeOf([...issue.path, key]),
      code: 'UNKNOWN_MEMBER',
      message: `There is no member ${key.slice(0, 100)} here; take it away, or mend its name.`,
    }));
  if (issue.code === 'invalid_union' && issue.path.at(-1) === 'type')
    return [unknownTransform(path, at(value, issue.path))];
  if (issue.code === 'invalid_type' && at(value, issue.path) === undefined)
    return [{ path, code: 'MISSING_MEMBER', message: `It is missing; give ${withArticle(issue.expected)}.` }];
  return [{ path, code: 'SHAPE', message: `${sentence(issue.message)}` }];
}

function unknownTransform(path: string, given: unknown): SpecIssue {
  const shown =
    typeof given === 'string' ? `There is no transform ${given.slice(0, 100)}.` : 'A transform needs a type.';
  return { path, code: 'UNKNOWN_TRANSFORM', message: `${shown}${knownNames(transformTypes)}` };
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let found: unknown = value;
  for (const part of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = Object.hasOwn(found, part) ? Reflect.get(found, part) : undefined;
  }
  return found;
}

const withArticle = (type: string): string => `${/^[aeiou]/u.test(type) ? 'an' : 'a'} ${type}`;
const sentence = (text: string): string => (text.endsWith('.') ? text : `${text}.`);
