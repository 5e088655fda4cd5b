import type { ProtectionAction } from './protection-action.ts';

/** What a value *is*. Governance, redaction and key use all follow from it. */
export interface SemanticType {
  /** Canonical lower-case name; it stands in envelopes and policies. */
  readonly name: string;
  /** Other spellings seen in schemas, lower case. */
  readonly aliases: readonly string[];
  /** What the value means for governance: PII, PCI, PHI, SECRET. Empty for values that name no person. */
  readonly classifications: readonly string[];
  /** What happens to the value where no policy speaks. */
  readonly defaultAction: ProtectionAction;
  readonly description: string;
}

const personal = (name: string, description: string, aliases: readonly string[] = []): SemanticType => ({
  name,
  aliases,
  classifications: ['PII'],
  defaultAction: 'REDACT',
  description,
});
const harmless = (name: string, description: string, aliases: readonly string[] = []): SemanticType => ({
  name,
  aliases,
  classifications: [],
  defaultAction: 'NONE',
  description,
});

/** Every type Lineward knows. A name that is not here is unknown, and values of unknown types are removed. */
export const semanticTypes: readonly SemanticType[] = [
  personal('phonenumber', 'A telephone number or channel address; redaction hides the last four digits.', [
    'phonenummer',
    'phone',
    'phone_number',
    'msisdn',
  ]),
  personal('email', 'A mail address or a list of them; redaction keeps the first letter and the domain.', [
    'email_address',
  ]),
  {
    ...personal('customertext', 'Text that a customer wrote; redaction leaves nothing of it.', ['customer_text']),
    defaultAction: 'REMOVE',
  },
  personal('name', 'The name of a person; redacted to XXXX.', ['person_name']),
  personal('ip', 'An IP address; redacted to XXXX.', ['ip_address']),
  { ...personal('pan', 'A payment card number; redacted to XXXX.'), classifications: ['PII', 'PCI'] },
  personal('ssn', 'A social security number; redacted to XXXX.'),
  personal('url', 'A web address, which may carry tokens and names; redacted to XXXX.'),
  personal('sip_uri', 'A SIP address; redacted to XXXX.'),
  personal('date_of_birth', 'The day a person was born; redacted to XXXX.', ['dob']),
  {
    ...harmless('opaque', 'Content whose meaning is not known; not personal by itself, yet redacted to XXXX.'),
    defaultAction: 'REDACT',
  },
  harmless('datetime', 'A point in time of an event.', ['timestamp']),
  harmless('identifier', 'A technical identifier, e.g. of a message or an account.', ['sid']),
  harmless('enumeration', 'One of a fixed list of words, e.g. a status.'),
  harmless('quantity', 'A count, size, duration or price.'),
];

const bySpelling = new Map(semanticTypes.flatMap((type) => [type.name, ...type.aliases].map((name) => [name, type])));

/** The type of a name or alias, whatever its case; null when unknown. */
export function semanticTypeOf(name: string): SemanticType | null {
  return bySpelling.get(name.trim().toLowerCase()) ?? null;
}
