/** The one token that stands for a value of which nothing may be kept. */
export const opaqueToken = 'XXXX';

/**
 * The text without control, format (bidi, zero width), line and paragraph separators and lone surrogates, trimmed:
 * characters that hide digits from a redactor, or turn one line of output into two.
 */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '').trim();
}

/** The first letter or digit of a text as a reader sees it, with its accents; empty when there is none. */
export function firstLetter(text: string): string {
  const start = text.search(/[\p{L}\p{N}]/u);
  if (start < 0) return '';
  // A grapheme may carry any number of marks; the slice bounds what one "letter" can smuggle out.
  const [first] = graphemes.segment(text.slice(start, start + 16));
  return first === undefined ? '' : first.segment.toWellFormed();
}

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** A host name as it stands, or null when it is longer than DNS allows or holds other than letters, digits, `.`, `-`. */
export function plainDomain(text: string): string | null {
  return text.length <= 253 && /^[\p{L}\p{N}\p{M}.-]+$/u.test(text) ? text : null;
}
