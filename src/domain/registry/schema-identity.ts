import { hash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.ts';
import type { SchemaFormat } from './schema-format.ts';
import type { RuleSet, SchemaMetadata } from './schema-metadata.ts';

/** A place where a schema names another: `name` is how its text does. */
export interface SchemaReference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

/** Everything that makes a schema this one and no other. */
export interface SchemaContent {
  readonly format: SchemaFormat;
  /** Canonical text. */
  readonly text: string;
  readonly references: readonly SchemaReference[];
  readonly metadata: SchemaMetadata | null;
  readonly ruleSet: RuleSet | null;
}

// Asked for at every step of a registration, and a schema may be large.
const identities = new WeakMap<SchemaContent, string>();

/** SHA-256, hex, of all that is part of a schema's identity. */
export function schemaIdentity(content: SchemaContent): string {
  const known = identities.get(content);
  if (known !== undefined) return known;
  const { metadata, ruleSet } = content;
  const beside = {
    metadata: `"metadata":${canonical(metadata ?? {})},`,
    ruleSet: `"ruleSet":${canonical(ruleSet ?? {})},`,
  };
  const identity = hash('sha256', members(content, beside));
  identities.set(content, identity);
  return identity;
}

/** SHA-256, hex, of a schema without the metadata and rules beside it: what a lookup that gives none of these goes by. */
export function textIdentity(content: Omit<SchemaContent, 'metadata' | 'ruleSet'>): string {
  return hash('sha256', members(content, { metadata: '', ruleSet: '' }));
}

/** Canonical JSON (RFC 8785) of the content, member by member in the order of their names. */
function members(
  { format, text, references }: Omit<SchemaContent, 'metadata' | 'ruleSet'>,
  { metadata, ruleSet }: { readonly metadata: string; readonly ruleSet: string },
): string {
  return `{"format":${canonical(format)},${metadata}"references":${canonical(references)},${ruleSet}"text":${canonical(text)}}`;
}

/** What is empty, or a string, is in its canonical form as JSON prints it; most schemas have nothing else. */
function canonical(value: object | string): string {
  const isPlain = typeof value === 'string' ? value.isWellFormed() : Object.keys(value).length === 0;
  return isPlain ? JSON.stringify(value) : canonicalJson(value);
}

/** The schema's name over all contexts and installations: its identity in the form of a UUID of version 8 (RFC 9562 §5.8). */
export function schemaGuid(identity: string): string {
  const variant = ((Number.parseInt(identity.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return [
    identity.slice(0, 8),
    identity.slice(8, 12),
    `8${identity.slice(13, 16)}`,
    `${variant}${identity.slice(17, 20)}`,
    identity.slice(20, 32),
  ].join('-');
}
