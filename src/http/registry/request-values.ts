import type { FastifyRequest } from 'fastify';
import { LinewardError } from '../../errors/lineward-error.ts';
import {
  type DeletedFilter,
  readVersionNumber,
  type VersionNumber,
} from '../../services/registry/subject.read-model.ts';

const int32Max = 2 ** 31 - 1;

function memberOf(holder: unknown, name: string): unknown {
  return typeof holder === 'object' && holder !== null && Object.hasOwn(holder, name)
    ? Reflect.get(holder, name)
    : undefined;
}

/** Parts of the address that have a code of their own for names which may not be. */
const judgedElsewhere = new Set(['subject', 'context', 'version', 'id', 'guid']);

/** A part of the address; null when the route has none of that name. @throws LinewardError VALUE_INVALID as `queryList` */
export function paramOf(request: FastifyRequest, name: string): string | null {
  const value = memberOf(request.params, name);
  if (typeof value !== 'string') return null;
  if (!judgedElsewhere.has(name)) assertText(value, name);
  return value;
}

/** The database keeps no U+0000, and has no form for half of a surrogate pair. */
function assertText(text: string, name: string): void {
  if (!text.includes('\0') && text.isWellFormed()) return;
  throw new LinewardError('VALUE_INVALID', `${name}: must be text without the character U+0000`, { path: [name] });
}

/** All values of a query parameter, in order. @throws LinewardError VALUE_INVALID for U+0000 or half of a surrogate pair */
export function queryList(request: FastifyRequest, name: string): readonly string[] {
  const value = memberOf(request.query, name);
  if (value === undefined) return [];
  const texts = [value].flat().filter((text) => typeof text === 'string');
  for (const text of texts) assertText(text, name);
  return texts;
}

/** The first value of a query parameter; null when there is none. */
export function queryOf(request: FastifyRequest, name: string): string | null {
  return queryList(request, name)[0] ?? null;
}

/** True only for `true`, in any case: what else stands there is false, as Java reads it. */
export function flagOf(request: FastifyRequest, name: string): boolean {
  return queryOf(request, name)?.toLowerCase() === 'true';
}

/** A number of 32 bits as Java reads it; null for anything else. */
function int32(text: string): number | null {
  if (!/^[+-]?\d{1,20}$/.test(text)) return null;
  const value = Number(text);
  return value >= -int32Max - 1 && value <= int32Max ? value : null;
}

/** What the protocol answers for numbers in an address that are none: as if the address led nowhere. */
function notFound(): LinewardError {
  return new LinewardError('NOT_FOUND', 'HTTP 404 Not Found');
}

/** The `{id}` of an address. @throws LinewardError NOT_FOUND when it is no number */
export function schemaIdOf(request: FastifyRequest): number {
  const id = int32(paramOf(request, 'id') ?? '');
  if (id === null) throw notFound();
  return id;
}

/** The `{version}` of an address. @throws LinewardError VERSION_INVALID */
export function versionNumberOf(request: FastifyRequest): VersionNumber {
  return readVersionNumber(paramOf(request, 'version') ?? '');
}

/** A page of a list: `limit` is the largest allowed when it is absent or not from 1 to that. @throws LinewardError NOT_FOUND */
export function pageOf(request: FastifyRequest, limitMax: number): { readonly offset: number; readonly limit: number } {
  const number = (name: string, otherwise: number): number => {
    const text = queryOf(request, name);
    const value = text === null || text === '' ? otherwise : int32(text);
    if (value === null) throw notFound();
    return value;
  };
  const limit = number('limit', -1);
  return { offset: Math.max(0, number('offset', 0)), limit: limit > 0 && limit <= limitMax ? limit : limitMax };
}

/** Which versions a request means by `deleted` and `deletedOnly`. */
export function deletedOf(request: FastifyRequest): DeletedFilter {
  if (flagOf(request, 'deletedOnly')) return 'only';
  return flagOf(request, 'deleted') ? 'too' : 'none';
}

/** Whether the client knows fields of answers that older releases had not. */
export function takesUnknownFields(request: FastifyRequest): boolean {
  const header = request.headers['confluent-accept-unknown-properties'];
  return header === 'true' || (typeof header === 'string' && header.toLowerCase() === 'true');
}
