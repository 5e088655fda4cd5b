import { LinewardError } from '../../errors/lineward-error.ts';
import { type ProtectionAction, protectionActions } from './protection-action.ts';
import { assertRedactionRule, type RedactionRule } from './redaction-rule.ts';

/** What becomes of values computed from values of a type: minima, samples, snippets, texts of errors. */
export const derivedPolicies = ['REDACT', 'DROP'] as const;
export type DerivedPolicy = (typeof derivedPolicies)[number];

/** What a value *is*. Governance, redaction and key use all follow from it. */
export interface SemanticType {
  /** Canonical lower-case name; it stands in envelopes and policies. */
  readonly name: string;
  /** Grows with each change of the definition. */
  readonly version: number;
  /** False for types that somebody defined here. */
  readonly isBuiltIn: boolean;
  /** Other spellings seen in schemas, lower case. */
  readonly aliases: readonly string[];
  /** What the value means for governance: PII, PCI, PHI, SECRET. Empty for values that name no person. */
  readonly classifications: readonly string[];
  /** What happens to the value where no policy speaks. */
  readonly defaultAction: ProtectionAction;
  readonly redaction: RedactionRule;
  readonly derivedPolicy: DerivedPolicy;
  readonly description: string;
}

const builtIn = { version: 1, isBuiltIn: true, redaction: { kind: 'BUILT_IN' }, derivedPolicy: 'REDACT' } as const;
const personal = (name: string, description: string, aliases: readonly string[] = []): SemanticType => ({
  ...builtIn,
  name,
  aliases,
  classifications: ['PII'],
  defaultAction: 'REDACT',
  description,
});
const harmless = (name: string, description: string, aliases: readonly string[] = []): SemanticType => ({
  ...builtIn,
  name,
  aliases,
  classifications: [],
  defaultAction: 'NONE',
  description,
});

/** The types that come with the product. */
const builtInTypes: readonly SemanticType[] = [
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
    derivedPolicy: 'DROP',
  },
  personal('name', 'The name of a person; redacted to XXXX.', ['person_name']),
  personal('ip', 'An IP address; redaction keeps the network, 24 bits of IPv4 and 48 of IPv6.', ['ip_address']),
  {
    ...personal('pan', 'A payment card number; redaction keeps the last four digits.'),
    classifications: ['PII', 'PCI'],
  },
  personal('ssn', 'A social security number; redacted to XXXX.'),
  personal('url', 'A web address, which may carry tokens and names; redaction keeps scheme and host.'),
  personal(
    'sip_uri',
    'A SIP address; redaction keeps the first letter of the user, or all but four digits, and the host.',
  ),
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

/** All types that are known: those of the product and those that were defined here. */
export class SemanticTypes {
  readonly all: readonly SemanticType[];
  readonly #bySpelling: ReadonlyMap<string, SemanticType>;

  /** A built-in type wins over a definition of the same spelling, which `assertSemanticType` would have refused. */
  constructor(defined: readonly SemanticType[] = []) {
    this.all = [...builtInTypes, ...defined];
    this.#bySpelling = new Map(
      this.all.toReversed().flatMap((type) => [type.name, ...type.aliases].map((spelling) => [spelling, type])),
    );
  }

  get names(): readonly string[] {
    return this.all.map((type) => type.name);
  }

  /** The type of a name or alias, whatever its case; null when unknown: values of unknown types are removed. */
  readonly find = (spelling: string): SemanticType | null =>
    this.#bySpelling.get(spelling.trim().toLowerCase()) ?? null;
}

/**
 * Refuses a definition that cannot be kept beside the known types.
 * @throws LinewardError BAD_INPUT with the member at fault, ALREADY_EXISTS for a spelling that is taken.
 */
export function assertSemanticType(type: SemanticType, known: SemanticTypes): void {
  const refuse = (member: string, why: string): never => {
    throw new LinewardError('BAD_INPUT', `${member}: ${why}`, { path: [member] });
  };
  for (const [member, spelling] of [['name', type.name], ...type.aliases.map((alias) => ['aliases', alias])] as const) {
    if (!/^[a-z][a-z0-9_.-]{0,99}$/.test(spelling ?? ''))
      refuse(member ?? '', 'takes lower-case letters, digits, "_", "." and "-", at most 100, beginning with a letter');
    const other = known.find(spelling ?? '');
    if (other !== null && other.name !== type.name)
      throw new LinewardError('ALREADY_EXISTS', `${member}: the semantic type ${other.name} is spelled so`, {
        path: [member ?? ''],
      });
  }
  if (known.find(type.name)?.isBuiltIn === true)
    throw new LinewardError('ALREADY_EXISTS', 'name: a type of this name comes with the product', { path: ['name'] });
  if (type.aliases.length > 20) refuse('aliases', 'at most 20');
  if (type.description.length > 1_000) refuse('description', 'at most 1,000 characters');
  if (!type.classifications.every((one) => /^[A-Z][A-Z0-9_]{0,49}$/.test(one)) || type.classifications.length > 20)
    refuse('classifications', 'at most 20, each of capital letters, digits and "_"');
  if (!protectionActions.includes(type.defaultAction)) refuse('defaultAction', 'is no action');
  if (type.classifications.length > 0 && type.defaultAction === 'NONE')
    refuse('defaultAction', 'a classified type needs a protection: REDACT, TOKENIZE, ENCRYPT or REMOVE');
  assertRedactionRule(type.redaction);
}
