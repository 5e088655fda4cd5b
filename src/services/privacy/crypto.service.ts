import { setImmediate } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { type CryptoAnswer, ValueAnswer } from '../../domain/privacy/crypto-answer.ts';
import { type EnvelopeHeader, EnvelopeHeaders, openerOf } from '../../domain/privacy/envelope.ts';
import type { EnvelopeOpener } from '../../domain/privacy/envelope-opener.ts';
import { isEnvelopeSuite } from '../../domain/privacy/envelope-text.ts';
import { assertExact, exactJson } from '../../domain/privacy/exact-value.ts';
import {
  type AccountKey,
  holderId,
  isKeyHolder,
  type KeyHolder,
  type KeyVersionName,
  type SubjectName,
  versionId,
} from '../../domain/privacy/key-holder.ts';
import { redactValue } from '../../domain/privacy/redact-value.ts';
import { type Redactor, redactorOf } from '../../domain/privacy/redaction-rule.ts';
import { sealerUnderKey } from '../../domain/privacy/seal-under-key.ts';
import type { SemanticType, SemanticTypes } from '../../domain/privacy/semantic-type.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import type { AccessGuard } from '../access/access-guard.ts';
import type { AccountKeyService } from './account-key.service.ts';
import { cryptoPermits } from './crypto-permits.ts';
import { type AdmittedUse, CryptoUsage } from './crypto-usage.ts';
import { DeferredHolders } from './deferred-holders.ts';
import type { CryptoVerb } from './quota-leases.ts';
import type { SemanticTypeReadModel } from './semantic-type.read-model.ts';
import type { TokenKeys } from './token-keys.ts';

interface Item {
  /** Given back with the answer. */
  readonly ref: string | null;
  readonly value: unknown;
}
export interface SealItem extends Item {
  readonly accountId: string;
  readonly semanticType: string;
  /** 1, 2 or 3. */
  readonly suite: number;
  readonly padding: boolean;
  /** The person whose own key encrypts; null for the account's key. */
  readonly subject: { readonly field: string; readonly value: string } | null;
}
export interface OpenItem extends Item {
  readonly accountId: string;
}
export interface RedactItem extends Item {
  readonly semanticType: string;
  /** True for a value computed from values of the type: a minimum, a sample, a snippet. */
  readonly derived: boolean;
}
/** Most values of one call. */
export const itemsMax = 10_000;
/** Values between two turns of the event loop. */
const itemsPerTurn = 500;
const purposeMax = 200;

export interface CryptoServiceDeps {
  readonly access: Pick<AccessGuard, 'may' | 'mayWith'>;
  readonly em: EntityManager;
  readonly keys: AccountKeyService;
  readonly tokenKeys: TokenKeys;
  readonly semanticTypes: SemanticTypeReadModel;
  /** Values that an actor may encrypt, decrypt or redact of one account in a minute, each. */
  readonly quotaPerMinute: number;
}

/** Redacts, encrypts and decrypts values for people and programs. Each value has its own answer, in order; none fails another. */
export class CryptoService {
  readonly #deps: CryptoServiceDeps;
  readonly #usage: CryptoUsage;
  readonly #deferred: DeferredHolders;

  constructor(deps: CryptoServiceDeps) {
    this.#deps = deps;
    this.#usage = new CryptoUsage(deps);
    this.#deferred = new DeferredHolders(deps);
  }

  /** Values to their redacted form; null where nothing may be kept. @throws LinewardError LIMIT_EXCEEDED */
  async redact(actor: Actor, items: readonly RedactItem[]): Promise<readonly CryptoAnswer[]> {
    const { refused, recorded } = await this.#admit(actor, 'REDACT', items, () => '');
    const types = await this.#deps.semanticTypes.known();
    const redactors = await this.#redactors(types, items);
    return answered(recorded, items, ({ semanticType, value, derived }) => {
      assertQuota(refused, '');
      const type = knownType(types, semanticType);
      assertExact(value);
      if (derived && type.derivedPolicy === 'DROP') return null;
      return redactValue(redactors.get(type.name) ?? (() => null), value) ?? null;
    });
  }

  /** Values to envelopes; null stays null. @throws LinewardError LIMIT_EXCEEDED */
  async seal(actor: Actor, items: readonly SealItem[]): Promise<readonly CryptoAnswer[]> {
    const types = await this.#deps.semanticTypes.known();
    const { refused, recorded } = await this.#admit(actor, 'SEAL', items, (item) => item.accountId);
    const seal = await this.#sealing(types, items, refused);
    const assertMay = cryptoPermits(this.#deps.access, { actor, action: 'ENCRYPT', types });
    return answered(recorded, items, (item, index) => {
      assertMay(item.accountId, item.semanticType);
      return seal(item, index);
    });
  }

  /**
   * Envelopes to values, for a purpose that stands in the audit trail; null stays null.
   * @throws LinewardError LIMIT_EXCEEDED; BAD_INPUT without a purpose.
   */
  async open(actor: Actor, items: readonly OpenItem[], purpose: string): Promise<readonly CryptoAnswer[]> {
    const why = purpose.trim();
    if (why === '' || why.length > purposeMax || /[\p{Cc}\p{Cs}]/u.test(why))
      throw new LinewardError('BAD_INPUT', `purpose: say in 1 to ${purposeMax} characters what the values are for`, {
        path: ['purpose'],
      });
    const { refused, recorded } = await this.#admit(actor, 'OPEN', items, (item) => item.accountId, why);
    const reader = new EnvelopeHeaders();
    const headers = items.map((item) => headerOf(reader, item));
    const accounts = [...new Set(items.map(({ accountId }) => accountId))];
    const types = await this.#deps.semanticTypes.known();
    const assertMay = cryptoPermits(this.#deps.access, { actor, action: 'DECRYPT', types, purpose: why });
    const [openers, isDeferred] = await Promise.all([
      this.#openers(new Set(headers)),
      this.#deferred.among(actor, accounts),
    ]);
    return answered(recorded, items, (item, index) => {
      assertQuota(refused, item.accountId);
      if (item.value === null) return null;
      const header = headers[index];
      if (header === undefined || header instanceof LinewardError) throw header ?? new LinewardError('DECRYPT_FAILED');
      assertMay(item.accountId, header.semanticType);
      if (isDeferred(nameOf(header))) throw new LinewardError('ERASURE_DEFERRED');
      return exactJson(usable(openers.get(header), 'DECRYPT_FAILED').open(String(item.value)));
    });
  }

  /** How items are sealed. Those in a row that differ in their value alone share what was found out for the first. */
  async #sealing(
    types: SemanticTypes,
    items: readonly SealItem[],
    refused: ReadonlySet<string>,
  ): Promise<(item: SealItem, index: number) => string | null> {
    const scopeOf = items.some((item) => item.subject !== null) ? await this.#deps.tokenKeys.subjectScope() : null;
    const holders = items.map(ofLast(hasSameHolder, (item) => holderOf(item, scopeOf)));
    const keys = await this.#deps.keys.activeKeys([...new Set(holders)].filter((holder) => holder !== null));
    const sealerOf = ofLast(isSealedAlike, ({ suite, semanticType, padding }: SealItem, index) => {
      if (!isEnvelopeSuite(suite)) throw new LinewardError('SUITE_UNKNOWN', 'suite: is 1, 2 or 3 for values');
      const type = semanticType === '' ? '' : knownType(types, semanticType).name;
      const holder = holders[index] ?? null;
      const key = usable(holder === null ? undefined : keys.get(holderId(holder)), 'VALUE_INVALID');
      return { key, seal: sealerUnderKey(key, { semanticType: type, suite, padding }) };
    });
    return (item, index) => {
      assertQuota(refused, item.accountId);
      if (item.value === null) return null;
      assertExact(item.value);
      const { key, seal } = sealerOf(item, index);
      this.#deps.keys.charge(key, 1);
      return seal(item.value);
    };
  }

  async #openers(
    headers: ReadonlySet<EnvelopeHeader | LinewardError>,
  ): Promise<ReadonlyMap<EnvelopeHeader, EnvelopeOpener | LinewardError>> {
    const known = [...headers].flatMap((header) => (header instanceof LinewardError ? [] : [header]));
    const keys = await this.#deps.keys.keyVersions(known.map(nameOf));
    const openers = new Map<EnvelopeHeader, EnvelopeOpener | LinewardError>();
    for (const header of known) {
      const key = keys.get(versionId(nameOf(header)));
      if (key !== undefined) openers.set(header, key instanceof LinewardError ? key : openerUnderKey(key));
    }
    return openers;
  }

  async #admit<T extends Item>(
    actor: Actor,
    verb: CryptoVerb,
    items: readonly T[],
    accountOf: (item: T) => string,
    purpose?: string,
  ): Promise<AdmittedUse> {
    if (items.length > itemsMax)
      throw new LinewardError('LIMIT_EXCEEDED', `items: at most ${itemsMax} in one call; send more as NDJSON`, {
        path: ['items'],
      });
    const counts = new Map<string, number>();
    for (const item of items) {
      const account = accountOf(item);
      counts.set(account, (counts.get(account) ?? 0) + 1);
    }
    for (const account of counts.keys())
      if (account !== '' && !isKeyHolder({ accountId: account, scope: '' })) counts.delete(account);
    return this.#usage.admit(actor, { verb, counts, ...(purpose === undefined ? {} : { purpose }) });
  }

  async #redactors(types: SemanticTypes, items: readonly RedactItem[]): Promise<ReadonlyMap<string, Redactor>> {
    const used = [...new Set(items.map((item) => types.find(item.semanticType)))].filter((type) => type !== null);
    const needsTokens = used.some((type) => type.redaction.kind === 'TOKEN');
    const tokenize = needsTokens ? await this.#deps.tokenKeys.tokenize() : null;
    return new Map(used.map((type) => [type.name, redactorOf(type.name, type.redaction, tokenize)]));
  }
}

/** The answers of a call, which it gets no earlier than the call was recorded: that may take as long as the work. */
async function answered<T extends Item>(
  recorded: Promise<void>,
  items: readonly T[],
  answer: (item: T, index: number) => unknown,
): Promise<readonly CryptoAnswer[]> {
  const [answers] = await Promise.all([answeredInTurns(items, answer), recorded]);
  return answers;
}

async function answeredInTurns<T extends Item>(
  items: readonly T[],
  answer: (item: T, index: number) => unknown,
): Promise<readonly CryptoAnswer[]> {
  const answers: CryptoAnswer[] = [];
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % itemsPerTurn === 0) await setImmediate();
    try {
      answers.push(new ValueAnswer(item.ref, answer(item, index)));
    } catch (error) {
      const { code, message } = toLinewardError(error);
      answers.push({ ref: item.ref, ok: false, code, message });
    }
  }
  return answers;
}

/** Answers for an item what was made for the one before where they are alike: calls mostly hold rows of such items. */
function ofLast<T, Made>(
  isAlike: (one: T, other: T) => boolean,
  make: (item: T, index: number) => Made,
): (item: T, index: number) => Made {
  let last: { readonly item: T; readonly made: Made } | null = null;
  return (item, index) => {
    if (last === null || !isAlike(last.item, item)) last = { item, made: make(item, index) };
    return last.made;
  };
}

function hasSameHolder(one: SealItem, other: SealItem): boolean {
  if (one.accountId !== other.accountId) return false;
  return one.subject?.field === other.subject?.field && one.subject?.value === other.subject?.value;
}

function isSealedAlike(one: SealItem, other: SealItem): boolean {
  const isSameForm = one.semanticType === other.semanticType && one.suite === other.suite;
  return isSameForm && one.padding === other.padding && hasSameHolder(one, other);
}

function openerUnderKey({ accountId, scope, version: keyVersion, key }: AccountKey): EnvelopeOpener {
  return openerOf({ accountId, ...(scope === '' ? {} : { subjectScope: scope }), keyVersion, key });
}

/** Null for what cannot have a key. An account is named by the caller, so the installation's own keys are out of reach. */
function holderOf({ accountId, subject }: SealItem, scopeOf: ((name: SubjectName) => string) | null): KeyHolder | null {
  if (accountId === '') return null;
  if (subject === null || scopeOf === null) return { accountId, scope: '' };
  const { field, value } = subject;
  if (![accountId, field, value].every((part) => part.isWellFormed())) return null;
  return { accountId, scope: scopeOf({ accountId, field, value }) };
}

function assertQuota(refused: ReadonlySet<string>, account: string): void {
  if (refused.has(account)) throw new LinewardError('QUOTA_EXCEEDED');
}

function knownType(types: SemanticTypes, name: string): SemanticType {
  const type = types.find(name);
  if (type === null) throw new LinewardError('SEMANTIC_TYPE_UNKNOWN');
  return type;
}

function usable<T>(answer: T | LinewardError | undefined, missing: ErrorCode): T {
  if (answer === undefined) throw new LinewardError(missing);
  if (answer instanceof LinewardError) throw answer;
  return answer;
}

/** The header of an envelope of the caller's account; that of another account answers as if it did not fit. */
function headerOf(reader: EnvelopeHeaders, { accountId, value }: OpenItem): EnvelopeHeader | LinewardError {
  try {
    const header = reader.read(typeof value === 'string' ? value : '');
    return header.accountId === accountId ? header : new LinewardError('DECRYPT_FAILED');
  } catch (error) {
    return toLinewardError(error);
  }
}

function nameOf({ accountId, subjectScope, keyVersion }: EnvelopeHeader): KeyVersionName {
  return { accountId, scope: subjectScope ?? '', version: keyVersion };
}
