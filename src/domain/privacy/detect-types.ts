import type { SemanticTypes } from './semantic-type.ts';

/** Longest text that is looked at whole; longer ones are prose at best. */
const charsMax = 4_096;

/**
 * What a value looks like, by names of semantic types. A likeness proves nothing: a version `1.2.3.4` looks like an address,
 * and one in ten numbers passes the check of a card number.
 */
export function typesOfValue(value: unknown): readonly string[] {
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value)))
    return isPan(String(value)) ? ['pan'] : [];
  if (typeof value !== 'string') return [];
  if (value.length > charsMax) return isProse(value.slice(0, charsMax)) ? ['customertext'] : [];
  const text = value.trim();
  return detectors.filter(([, isLike]) => isLike(text)).map(([type]) => type);
}

/** The semantic type that a field is called after, in any spelling of it; null when it is called otherwise. */
export function typeOfName(name: string, types: SemanticTypes): string | null {
  const snake = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2');
  return (types.find(name) ?? types.find(snake))?.name ?? null;
}

const detectors: readonly (readonly [string, (text: string) => boolean])[] = [
  [
    'email',
    (text) => text.length <= 254 && /^[^\s@<>,;:"()[\]\\]{1,64}@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+$/u.test(text),
  ],
  ['phonenumber', isPhone],
  ['ip', (text) => isIpv4(text) || isIpv6(text)],
  ['pan', isPan],
  ['ssn', (text) => /^(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}$/.test(text)],
  ['url', (text) => /^(?:https?|wss?|ftps?):\/\/[^\s/]/i.test(text)],
  ['sip_uri', (text) => /^sips?:[^\s@]+(?:@[^\s@]+)?$/i.test(text)],
  [
    'datetime',
    (text) => /^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d(?::[0-6]\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?$/.test(text),
  ],
  ['customertext', isProse],
];

/** In international form, or in groups as people write it. Bare digits are more often something else. */
function isPhone(text: string): boolean {
  const number = text.replace(/^(?:whatsapp|tel|sms|rcs):/i, '');
  if (
    number.length > 40 ||
    !/^\+?[\d (][\d ().-]*\d$/.test(number) ||
    isIpv4(number) ||
    /^\d{3}-\d{2}-\d{4}$/.test(number)
  )
    return false;
  const digits = number.replace(/\D/g, '').length;
  if (number.startsWith('+')) return digits >= 7 && digits <= 15;
  if (/^\d{4}-\d{2}-\d{2}/.test(number)) return false;
  return digits >= 10 && digits <= 11 && /^\d?[ -]?\(?\d{2,4}\)?[ .-]\d{3,4}[ .-]\d{3,4}$/.test(number);
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  if (text.length > 45 || !/^[0-9a-f:.]+$/i.test(text)) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1)?.at(-1) ?? '';
  const four = last.includes('.') ? 1 : 0;
  if (four === 1 && !isIpv4(last)) return false;
  const all = groups.flat();
  const hex = four === 1 ? all.slice(0, -1) : all;
  const count = all.length + four;
  return hex.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) && (halves.length === 2 ? count < 8 : count === 8);
}

/** A card number: first digits that are given out, and the check digit of Luhn. */
function isPan(text: string): boolean {
  if (!/^[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}$|^3[47]\d{2}[ -]?\d{6}[ -]?\d{5}$/.test(text)) return false;
  const digits = text.replace(/\D/g, '');
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const doubled = Number(digit) * (index % 2 === 0 ? 1 : 2);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return digits.length <= 19 && sum % 10 === 0;
}

/** Words as people write them, which may say anything. */
function isProse(text: string): boolean {
  const words = text.split(/\s+/, 200);
  return words.length >= 4 && words.filter((word) => /\p{L}/u.test(word)).length * 2 > words.length;
}
