import { setImmediate } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { CryptoAnswer } from '../../domain/privacy/crypto-answer.ts';
import { type EnvelopeHeader, EnvelopeHeaders, openEnvelope } from '../../domain/privacy/envelope.ts';
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
import { sealUnderKey } from '../../domain/privacy/seal-under-key.ts';
import type { SemanticType, SemanticTypes } from '../../domain/privacy/semantic-type.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import type { AccountKeyService } from './account-key.service.ts';
import { type CryptoVerb, recordUse } from './crypto-usage.ts';
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

  constructor(deps: CryptoServiceDeps) {
    this.#deps = deps;
  }

  /** Values to their redacted form; null where nothing may be kept. @throws LinewardError LIMIT_EXCEEDED */
  async redact(actor: Actor, items: readonly RedactItem[]): Promise<readonly CryptoAnswer[]> {
    const refused = await this.#record(actor, 'REDACT', items, () => '');
    const types = await this.#deps.semanticTypes.known();
    const redactors = await this.#redactors(types, items);
    return answered(items, ({ semanticType, value, derived }) => {
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
    const refused = await this.#record(actor, 'SEAL', items, (item) => item.accountId);
    const scopeOf = items.some((item) => item.subject !== null) ? await this.#deps.tokenKeys.subjectScope() : null;
    const holders = items.map((item) => holderOf(item, scopeOf));
    const keys = await this.#deps.keys.activeKeys(holders.filter((holder) => holder !== null));
    return answered(items, (item, index) => {
      assertQuota(refused, item.accountId);
      if (item.value === null) return null;
      assertExact(item.value);
      if (!isEnvelopeSuite(item.suite)) throw new LinewardError('SUITE_UNKNOWN', 'suite: is 1, 2 or 3 for values');
      const semanticType = item.semanticType === '' ? '' : knownType(types, item.semanticType).name;
      const holder = holders[index] ?? null;
      const key = usable(holder === null ? undefined : keys.get(holderId(holder)), 'VALUE_INVALID');
      this.#deps.keys.charge(key, 1);
      const { suite, padding } = item;
      return sealUnderKey(key, item.value, { semanticType, suite, padding });
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
    const refused = await this.#record(actor, 'OPEN', items, (item) => item.accountId, why);
    const reader = new EnvelopeHeaders();
    const headers = items.map((item) => headerOf(reader, item));
    const known = headers.flatMap((header) => (header instanceof LinewardError ? [] : [header]));
    const keys = await this.#keysOf(new Set(known));
    return answered(items, (item, index) => {
      assertQuota(refused, item.accountId);
      if (item.value === null) return null;
      const header = headers[index];
      if (header === undefined || header instanceof LinewardError) throw header ?? new LinewardError('DECRYPT_FAILED');
      const key = usable(keys.get(header), 'DECRYPT_FAILED');
      const subject = key.scope === '' ? {} : { subjectScope: key.scope };
      const context = { accountId: item.accountId, ...subject, keyVersion: key.version, key: key.key };
      return exactJson(openEnvelope(context, String(item.value)));
    });
  }

  async #keysOf(
    headers: ReadonlySet<EnvelopeHeader>,
  ): Promise<ReadonlyMap<EnvelopeHeader, AccountKey | LinewardError | undefined>> {
    const keys = await this.#deps.keys.keyVersions([...headers].map(nameOf));
    return new Map([...headers].map((header) => [header, keys.get(versionId(nameOf(header)))]));
  }

  async #record<T extends Item>(
    actor: Actor,
    verb: CryptoVerb,
    items: readonly T[],
    accountOf: (item: T) => string,
    purpose?: string,
  ): Promise<ReadonlySet<string>> {
    if (items.length > itemsMax)
      throw new LinewardError('LIMIT_EXCEEDED', `items: at most ${itemsMax} in one call; send more as NDJSON`, {
        path: ['items'],
      });
    const counts = new Map<string, number>();
    for (const item of items) {
      const account = accountOf(item);
      if (account === '' || isKeyHolder({ accountId: account, scope: '' }))
        counts.set(account, (counts.get(account) ?? 0) + 1);
    }
    const use = { verb, counts, ...(purpose === undefined ? {} : { purpose }) };
    return recordUse(this.#deps.em, actor, use, this.#deps.quotaPerMinute);
  }

  async #redactors(types: SemanticTypes, items: readonly RedactItem[]): Promise<ReadonlyMap<string, Redactor>> {
    const used = [...new Set(items.map((item) => types.find(item.semanticType)))].filter((type) => type !== null);
    const needsTokens = used.some((type) => type.redaction.kind === 'TOKEN');
    const tokenize = needsTokens ? await this.#deps.tokenKeys.tokenize() : null;
    return new Map(used.map((type) => [type.name, redactorOf(type.name, type.redaction, tokenize)]));
  }
}

async function answered<T extends Item>(
  items: readonly T[],
  answer: (item: T, index: number) => unknown,
): Promise<readonly CryptoAnswer[]> {
  const answers: CryptoAnswer[] = [];
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % itemsPerTurn === 0) await setImmediate();
    try {
      answers.push({ ref: item.ref, ok: true, value: answer(item, index) });
    } catch (error) {
      const { code, message } = toLinewardError(error);
      answers.push({ ref: item.ref, ok: false, code, message });
    }
  }
  return answers;
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

function usable(answer: AccountKey | LinewardError | undefined, missing: ErrorCode): AccountKey {
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
