import { createHmac, type KeyObject } from 'node:crypto';
import type { Tokenize } from './redaction-rule.ts';

/** Bytes of the HMAC that stay: 128 bits make a collision of 2^40 values as likely as one in 2^49. */
const tokenBytes = 16;

/**
 * Makes tokens `tok_…` under a 32-byte key: HMAC-SHA-256 over the semantic type and the normalized text, cut to 128 bits.
 * The same value of a type gives the same token, so tokens can be joined and counted.
 */
export function tokenizeUnder(key: KeyObject): Tokenize {
  return (semanticType, text) => {
    const hmac = createHmac('sha256', key);
    hmac.update(`lineward:token:${semanticType}\0${normalizedText(semanticType, text)}`, 'utf8');
    return `tok_${hmac.digest().subarray(0, tokenBytes).toString('base64url')}`;
  };
}

/**
 * The spelling by which equal values are found: Unicode NFC without blanks at the ends; mail addresses in lower case,
 * telephone numbers without their layout.
 */
export function normalizedText(semanticType: string, text: string): string {
  const plain = text.normalize('NFC').trim();
  if (semanticType === 'email') return plain.toLowerCase();
  if (semanticType !== 'phonenumber' || !/^[\d+(][\d\s().+-]*$/.test(plain)) return plain;
  return (plain.startsWith('+') ? '+' : '') + plain.replace(/\D/g, '');
}
