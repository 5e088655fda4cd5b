import type { FastifyRequest } from 'fastify';
import { readSchemaFormat } from '../../domain/registry/parse-schema.ts';
import type { SchemaReference } from '../../domain/registry/schema-identity.ts';
import { readMetadata, readRuleSet } from '../../domain/registry/schema-metadata.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { GivenSchema } from '../../services/registry/registration.ts';

/** A JSON object of a request. */
export type Body = Readonly<Record<string, unknown>>;

/** A schema of a request; `text` is null when none was sent, which means the one before. */
export interface SchemaRequest extends Omit<GivenSchema, 'text'> {
  readonly text: string | null;
  readonly id: number | null;
  readonly version: number | null;
}

/** Most schemas that one schema may name itself. */
const referencesMax = 1_000;
const int32Max = 2 ** 31 - 1;

function isBody(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The body of a request.
 * @throws LinewardError BAD_INPUT when it is no object; SCHEMA_INVALID for characters that cannot be kept
 */
export function objectBody(request: FastifyRequest): Body {
  const { body } = request;
  if (!isBody(body)) throw new LinewardError('BAD_INPUT', 'The body must be a JSON object.');
  assertStorable(body);
  return body;
}

/** The database keeps no U+0000 and no half of a surrogate pair. Walks with a list of its own: bodies may nest deeply. */
function assertStorable(body: Body): void {
  const open: { readonly value: unknown; readonly place: string }[] = [{ value: body, place: '' }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, place } = next;
    if (typeof value === 'string') assertText(value, place);
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) {
        const top = place === '' ? key.slice(0, 80) : place;
        assertText(key, top);
        open.push({ value: inner, place: top });
      }
  }
}

function assertText(text: string, place: string): void {
  if (!text.includes('\0') && text.isWellFormed()) return;
  throw new LinewardError(
    'SCHEMA_INVALID',
    `${JSON.stringify(place)}: must not hold the character U+0000 or half of a surrogate pair`,
    { path: [place] },
  );
}

/** Text, or a number or flag as JSON prints it; null when absent. @throws LinewardError BAD_INPUT */
function textMember(body: Body, name: string): string | null {
  const value = body[name];
  if (value === undefined || value === null) return null;
  if (typeof value === 'object') throw new LinewardError('BAD_INPUT', `${name}: must be a string`, { path: [name] });
  return String(value);
}

/** A whole number, or the text of one; null when absent. @throws LinewardError BAD_INPUT */
export function wholeMember(body: Body, name: string, place = name): number | null {
  const value = body[name];
  if (value === undefined || value === null || value === '') return null;
  const number = typeof value === 'string' && /^\s*[+-]?\d{1,20}\s*$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && Math.abs(number) <= int32Max) return number;
  throw new LinewardError('BAD_INPUT', `${place}: must be a whole number of 32 bits`, { path: place.split('.') });
}

function readReferences(value: unknown): readonly SchemaReference[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value))
    throw new LinewardError('BAD_INPUT', 'references: must be a list', { path: ['references'] });
  if (value.length > referencesMax)
    throw new LinewardError('SCHEMA_INVALID', `references: at most ${referencesMax}`, { path: ['references'] });
  return value.map((item: unknown, index) => {
    const place = `references.${index}`;
    const invalid = (reason: string): LinewardError =>
      new LinewardError('SCHEMA_INVALID', `${place}${reason}`, { path: ['references', String(index)] });
    if (!isBody(item)) throw invalid(': must be an object of name, subject and version');
    const name = textMember(item, 'name');
    const subject = textMember(item, 'subject');
    const version = wholeMember(item, 'version', `${place}.version`);
    if (name === null || name === '') throw invalid('.name: is missing');
    if (subject === null || subject === '') throw invalid('.subject: is missing');
    if (version === null || version === 0 || version < -1) throw invalid('.version: must be a positive number or -1');
    return { name, subject, version };
  });
}

/**
 * The schema that a request registers, looks up or compares. What it does not know is ignored, and null is absent.
 * @throws LinewardError BAD_INPUT, SCHEMA_INVALID or RULE_SET_INVALID
 */
export function readSchemaRequest(body: Body): SchemaRequest {
  const text = textMember(body, 'schema');
  const id = wholeMember(body, 'id');
  const version = wholeMember(body, 'version');
  if (id === 0) throw new LinewardError('SCHEMA_INVALID', 'id: must be positive, or absent', { path: ['id'] });
  return {
    text: text === null || text.trim() === '' ? null : text,
    format: readSchemaFormat(textMember(body, 'schemaType')),
    references: readReferences(body.references),
    metadata: readMetadata(body.metadata),
    ruleSet: readRuleSet(body.ruleSet),
    // Clients send -1 and 0 for "none".
    id: id === null || id < 0 ? null : id,
    version: version === null || version <= 0 ? null : version,
  };
}

/** The schema of a request that must have one. @throws LinewardError SCHEMA_INVALID */
export function givenSchema(request: SchemaRequest): GivenSchema {
  const { text, format, references, metadata, ruleSet } = request;
  if (text === null) throw emptySchema();
  return { text, format, references, metadata, ruleSet };
}

export function emptySchema(): LinewardError {
  return new LinewardError('SCHEMA_INVALID', 'schema: is missing or empty', { path: ['schema'] });
}
