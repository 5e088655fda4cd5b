import { redactEmail } from './email-redactor.ts';
import { redactPhone } from './phone-redactor.ts';
import { opaqueToken, plainDomain, plainText } from './plain-text.ts';

/** Redactors of the types that come with the product. Of a type that is missing here nothing is kept. */
export const builtInRedactors: ReadonlyMap<string, (text: string) => string> = new Map([
  ['phonenumber', redactPhone],
  ['email', redactEmail],
  ['customertext', () => ''],
  ['ip', redactIp],
  ['pan', redactPan],
  ['url', redactUrl],
  ['sip_uri', redactSipUri],
]);

/** Digits of a payment card number (ISO/IEC 7812-1, and the shorter ones in use). */
const panDigitsMin = 12;
const panDigitsMax = 19;

/**
 * Keeps the network of an address, as web analytics does: 24 bits of IPv4, 48 of IPv6; `203.0.113.7` → `203.0.113.XXX`,
 * `2001:db8:85a3::1` → `2001:db8:85a3:XXXX`. What is no address, or an IPv6 address whose first 48 bits are shortened,
 * becomes `XXXX`.
 */
function redactIp(text: string): string {
  const plain = plainText(text);
  const four = /^(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/.exec(plain);
  if (four?.[1] !== undefined) return `${four[1]}.XXX`;
  const six = plain.length <= 64 ? /^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}):[0-9a-f:.%]*$/i.exec(plain) : null;
  return six?.[1] === undefined ? opaqueToken : `${six[1]}:${opaqueToken}`;
}

/** Keeps the last four digits of a card number, which PCI DSS 4.0 (requirement 3.4.1) lets anyone see. */
function redactPan(text: string): string {
  const plain = plainText(text);
  if (plain.length > 64 || !/^[\d -]+$/.test(plain)) return opaqueToken;
  const digits = plain.replace(/\D/g, '');
  const isNumber = digits.length >= panDigitsMin && digits.length <= panDigitsMax;
  return isNumber ? opaqueToken + digits.slice(-4) : opaqueToken;
}

/** Keeps scheme and host; user, path, query and fragment may hold names and secrets. */
function redactUrl(text: string): string {
  const plain = plainText(text);
  const scheme = /^(?:https?|wss?|ftps?):\/\//i.exec(plain)?.[0];
  if (scheme === undefined) return opaqueToken;
  const authority = plain.slice(scheme.length).split(/[/?#\\]/, 1)[0] ?? '';
  const hostPort = authority.slice(authority.lastIndexOf('@') + 1);
  const host = plainDomain(hostPort.replace(/:\d*$/, ''));
  // An address of digits names a machine, often somebody's own.
  if (host === null || /^[\d.]+$/.test(host)) return scheme + opaqueToken;
  return plain.length === scheme.length + authority.length ? scheme + host : `${scheme}${host}/${opaqueToken}`;
}

function redactSipUri(text: string): string {
  const plain = plainText(text);
  return /^sips?:/i.test(plain) ? redactPhone(plain) : opaqueToken;
}
