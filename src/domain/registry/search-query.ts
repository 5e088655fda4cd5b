import { LinewardError } from '../../errors/lineward-error.ts';

export const searchKinds = ['ENTITY', 'FIELD', 'DATASET', 'DATASET_FIELD', 'JOB', 'TERM', 'DOMAIN'] as const;
/** What kinds of things a search finds. */
export type SearchKind = (typeof searchKinds)[number];

/** Why something was found. */
export type SearchMatch = 'EXACT_NAME' | 'WORDS' | 'SIMILAR_NAME' | 'FILTER';

/** One blank-separated part of what somebody searches for. */
export interface SearchTerm {
  /** Its words as a `tsquery` of the configuration `simple`: all of them, or all written as one. */
  readonly words: string;
  /** The same, in names only: weight A. */
  readonly names: string;
  /** The same as plain text, for a search by word stems. */
  readonly text: string;
}

/** Most characters of a query. */
const queryCharsMax = 256;
const termsMax = 16;
/** Shorter words must be met whole; the beginnings of all words are too many. */
const prefixCharsMin = 2;

/**
 * Reads a query as the search index writes names: `MessageBody`, `message_body` and `message-body` are the words message, body
 * and messagebody; accents and case make no difference. Nothing but letters and digits is kept, so no text is an operator.
 * @throws LinewardError LIMIT_EXCEEDED for more than 256 characters or 16 parts.
 */
export function readSearchQuery(text: string): readonly SearchTerm[] {
  if (text.length > queryCharsMax)
    throw new LinewardError('LIMIT_EXCEEDED', `query: at most ${queryCharsMax} characters`, { path: ['query'] });
  const plain = text.normalize('NFKD').replace(/[\u0300-\u036f]/g, '');
  const terms = plain.split(/[\s\p{Cc}]+/u).flatMap(termOf);
  if (terms.length > termsMax)
    throw new LinewardError('LIMIT_EXCEEDED', `query: at most ${termsMax} words`, { path: ['query'] });
  return terms;
}

function termOf(text: string): readonly SearchTerm[] {
  const parts = text
    .replace(/([\p{Ll}\p{Nd}])(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((part) => part !== '');
  if (parts.length === 0) return [];
  return [{ words: query(parts, ''), names: query(parts, 'A'), text: parts.join(' ') }];
}

function query(parts: readonly string[], weight: string): string {
  const all = parts.map((part) => lexeme(part, weight)).join(' & ');
  return parts.length === 1 ? all : `(${all}) | ${lexeme(parts.join(''), weight)}`;
}

function lexeme(word: string, weight: string): string {
  return `'${word}':${word.length < prefixCharsMin ? '' : '*'}${weight || (word.length < prefixCharsMin ? 'ABCD' : '')}`;
}
