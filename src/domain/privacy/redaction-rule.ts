import { LinewardError } from '../../errors/lineward-error.ts';
import { builtInRedactors } from './built-in-redactors.ts';
import { opaqueToken, plainText } from './plain-text.ts';

/**
 * How a semantic type hides a text. No rule is a regular expression, so each takes linear time.
 * - BUILT_IN: the redactor that comes with the type.
 * - KEEP_FIRST, KEEP_LAST: `count` characters stay beside a filler of fixed length. Of a text with less than twice as many
 *   characters nothing stays.
 * - LAYOUT: `#` stands for a letter or digit that stays, `X` for one that becomes `X`, `\` for the character behind it, and
 *   all else for itself. Nothing stays of a text of another layout.
 * - TOKEN: the same text gives the same token of this installation, and no text can be computed from it.
 * - CONSTANT: every text becomes the same one. NULL: every value becomes null.
 */
export type RedactionRule =
  | { readonly kind: 'BUILT_IN' | 'TOKEN' | 'NULL' }
  | { readonly kind: 'KEEP_FIRST' | 'KEEP_LAST'; readonly count: number; readonly filler: string }
  | { readonly kind: 'LAYOUT'; readonly layout: string }
  | { readonly kind: 'CONSTANT'; readonly text: string };

export const redactionKinds = ['BUILT_IN', 'KEEP_FIRST', 'KEEP_LAST', 'LAYOUT', 'TOKEN', 'CONSTANT', 'NULL'] as const;

/** The redacted form of a text; null stands for nothing at all. Never throws, never answers the text itself by mistake. */
export type Redactor = (text: string) => string | null;

/** Makes the token of a text of a semantic type. */
export type Tokenize = (semanticType: string, text: string) => string;

const keptMax = 64;
const textLengthMax = 200;

/**
 * The function of a rule.
 * @throws LinewardError INTERNAL for a TOKEN rule without a key.
 */
export function redactorOf(semanticType: string, rule: RedactionRule, tokenize: Tokenize | null): Redactor {
  switch (rule.kind) {
    case 'BUILT_IN':
      return builtInRedactors.get(semanticType) ?? (() => opaqueToken);
    case 'KEEP_FIRST':
    case 'KEEP_LAST':
      return (text) => kept(text, rule);
    case 'LAYOUT': {
      const places = placesOf(rule.layout);
      return (text) => laidOut(text, places);
    }
    case 'TOKEN':
      if (tokenize === null) throw new LinewardError('INTERNAL', 'A type that makes tokens was used without a key.');
      return (text) => tokenize(semanticType, text);
    case 'CONSTANT':
      return () => rule.text;
    case 'NULL':
      return () => null;
  }
}

/**
 * Refuses a rule that cannot be followed, or that would keep all of a text.
 * @throws LinewardError BAD_INPUT with the member at fault.
 */
export function assertRedactionRule(rule: RedactionRule): void {
  const refuse = (member: string, why: string): never => {
    throw new LinewardError('BAD_INPUT', `redaction.${member}: ${why}`, { path: ['redaction', member] });
  };
  if (rule.kind === 'BUILT_IN') refuse('kind', 'BUILT_IN is for types that come with the product');
  if (rule.kind === 'KEEP_FIRST' || rule.kind === 'KEEP_LAST') {
    if (!Number.isInteger(rule.count) || rule.count < 1 || rule.count > keptMax)
      refuse('count', `must be 1 to ${keptMax} characters`);
    if (!isShownText(rule.filler) || rule.filler === '') refuse('filler', 'must be 1 to 200 visible characters');
  }
  if (rule.kind === 'CONSTANT' && !isShownText(rule.text)) refuse('text', 'must be up to 200 visible characters');
  if (rule.kind === 'LAYOUT') {
    if (!isShownText(rule.layout) || rule.layout === '') refuse('layout', 'must be 1 to 200 visible characters');
    if (!placesOf(rule.layout).some((place) => place.kind === 'HIDDEN')) refuse('layout', 'must hide a place with X');
  }
}

function isShownText(text: string): boolean {
  return text.length <= textLengthMax && plainText(text) === text.trim() && text.isWellFormed();
}

function kept(text: string, rule: { readonly kind: string; readonly count: number; readonly filler: string }): string {
  const { count, filler } = rule;
  const plain = plainText(text);
  // Twice as many code points have at least twice as many units, so a long text is never split whole.
  const chars = [...(rule.kind === 'KEEP_FIRST' ? plain.slice(0, count * 4) : plain.slice(-count * 4))];
  if (chars.length < count * 2) return filler;
  return rule.kind === 'KEEP_FIRST'
    ? chars.slice(0, count).join('').toWellFormed() + filler
    : filler + chars.slice(-count).join('').toWellFormed();
}

type Place = { readonly kind: 'SHOWN' | 'HIDDEN' } | { readonly kind: 'LITERAL'; readonly char: string };

function placesOf(layout: string): readonly Place[] {
  const places: Place[] = [];
  let escaped = false;
  for (const char of layout) {
    if (!escaped && char === '\\') {
      escaped = true;
      continue;
    }
    if (!escaped && char === '#') places.push({ kind: 'SHOWN' });
    else if (!escaped && char === 'X') places.push({ kind: 'HIDDEN' });
    else places.push({ kind: 'LITERAL', char });
    escaped = false;
  }
  return places;
}

function laidOut(text: string, places: readonly Place[]): string {
  const plain = plainText(text);
  if (plain.length > places.length * 2) return opaqueToken;
  const chars = [...plain];
  if (chars.length !== places.length) return opaqueToken;
  let shown = '';
  for (const [index, place] of places.entries()) {
    const char = chars[index] ?? '';
    if (place.kind === 'LITERAL' ? char !== place.char : !/[\p{L}\p{N}]/u.test(char)) return opaqueToken;
    shown += place.kind === 'HIDDEN' ? 'X' : char;
  }
  return shown;
}
