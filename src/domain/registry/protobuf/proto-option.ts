import type { ProtoOption } from './proto-file.ts';
import { type ProtoTokens, quoted, stringLiteral } from './proto-tokens.ts';

/** Deepest nesting of an aggregate value. */
const depthMax = 32;

/** Reads `name = value;`, the word `option` having been taken. */
export function optionStatement(tokens: ProtoTokens): ProtoOption {
  const option = assignment(tokens);
  tokens.expect(';');
  return option;
}

/** Reads options in brackets, if any stand there. */
export function optionList(tokens: ProtoTokens): ProtoOption[] {
  const options: ProtoOption[] = [];
  if (!tokens.takeIf('[')) return options;
  do options.push(assignment(tokens));
  while (tokens.takeIf(','));
  tokens.expect(']');
  return options;
}

function assignment(tokens: ProtoTokens): ProtoOption {
  const parts: string[] = [];
  do {
    if (tokens.takeIf('(')) {
      parts.push(`(${tokens.path('the name of an option')})`);
      tokens.expect(')');
    } else parts.push(tokens.name('the name of an option'));
  } while (tokens.takeIf('.'));
  tokens.expect('=');
  return { name: parts.join('.'), value: optionValue(tokens) };
}

/** Reads the value of an option as canonical source text: one space between the parts of an aggregate, strings requoted. */
function optionValue(tokens: ProtoTokens, depth = 0): string {
  if (depth > depthMax) throw tokens.fault(`values are nested deeper than ${depthMax} levels`);
  if (tokens.next.kind === 'string') return quoted(tokens.string('a value'));
  if (tokens.takeIf('{')) return aggregate(tokens, '}', depth);
  if (tokens.takeIf('<')) return aggregate(tokens, '>', depth);
  if (tokens.takeIf('[')) return list(tokens, depth);
  const sign = tokens.takeIf('-') ? '-' : tokens.takeIf('+') ? '' : '';
  if (tokens.next.kind === 'number') return `${sign}${tokens.take().text}`;
  return `${sign}${tokens.path('a value')}`;
}

function list(tokens: ProtoTokens, depth: number): string {
  const values: string[] = [];
  while (!tokens.takeIf(']')) {
    values.push(optionValue(tokens, depth + 1));
    if (!tokens.takeIf(',') && tokens.next.text !== ']') throw tokens.fault('expected "," or "]"');
  }
  return `[${values.join(', ')}]`;
}

function aggregate(tokens: ProtoTokens, end: string, depth: number): string {
  const members: string[] = [];
  while (!tokens.takeIf(end)) {
    members.push(member(tokens, depth));
    if (!tokens.takeIf(',')) tokens.takeIf(';');
  }
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

function member(tokens: ProtoTokens, depth: number): string {
  const name = tokens.takeIf('[') ? extensionName(tokens) : tokens.name('the name of a member');
  const hasColon = tokens.takeIf(':');
  if (!hasColon && tokens.next.text !== '{' && tokens.next.text !== '<') throw tokens.fault('expected ":"');
  return `${name}: ${optionValue(tokens, depth + 1)}`;
}

function extensionName(tokens: ProtoTokens): string {
  let name = tokens.path('the name of an extension');
  if (tokens.takeIf('/')) name += `/${tokens.path('the name of a message')}`;
  tokens.expect(']');
  return `[${name}]`;
}

/** Text of a string value; null for any other. */
export function stringOf(value: string): string | null {
  return value.startsWith('"') ? stringLiteral(value) : null;
}

/** Strings of a value that is one, or a list of them. */
export function stringsOf(value: string): readonly string[] {
  return [...value.matchAll(/"(?:[^"\\]|\\.)*"/gs)].map(([literal]) => stringOf(literal) ?? '');
}
