import { setImmediate } from 'node:timers/promises';
import {
  type AppliedProtection,
  type ApplyOptions,
  applyProtection,
  idIn,
  type Seal,
} from '../../domain/privacy/apply-protection.ts';
import { assertExact } from '../../domain/privacy/exact-value.ts';
import { type AccountKey, holderId, type KeyHolder } from '../../domain/privacy/key-holder.ts';
import { avroIdIn, type ProtectedAvro, protectAvro } from '../../domain/privacy/protect-avro.ts';
import { type ProtectedJson, protectJson } from '../../domain/privacy/protect-json.ts';
import {
  type ProtectedProtobuf,
  type ProtobufMessage,
  protectProtobuf,
  protobufIdIn,
} from '../../domain/privacy/protect-protobuf.ts';
import type { ProtectionPlan } from '../../domain/privacy/protection-plan.ts';
import { sealUnderKey } from '../../domain/privacy/seal-under-key.ts';
import type { AvroRecord } from '../../domain/registry/avro/avro-type.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import type { AccountKeyService } from './account-key.service.ts';
import { SealedValues } from './sealed-values.ts';
import type { TokenKeys } from './token-keys.ts';

/** What became of one record or text. */
export type Protected<T> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly code: ErrorCode; readonly path: readonly string[] };

/** A record as it came, and as it was read. */
export interface JsonRecord {
  readonly text: string;
  readonly record: unknown;
}

/** What encoded records say, as JSON: a value in them that is to be encrypted and is an envelope already stays that. */
interface Keeping {
  readonly sealedIn?: readonly string[];
}

/** Records between two turns of the event loop: other requests are served while a batch is under way. */
const recordsPerTurn = 500;

/** Records in whatever form: how many, and the id that a field of one names. */
interface Batch {
  readonly count: number;
  /** Envelopes in the records that are to stay. */
  readonly sealed?: SealedValues | undefined;
  idOf(field: string | null, index: number): string | null;
}

/** Keys of one record: of its account, and of the person that it is about. */
interface RecordKeys {
  readonly account: KeyAnswer;
  readonly subject: KeyAnswer;
}
type KeyAnswer = AccountKey | LinewardError | undefined;

/** Protects records in bulk: one key look-up per account, one answer per record, in order; no record fails another. */
export class ProtectionService {
  readonly #keys: AccountKeyService;
  readonly #tokens: TokenKeys;

  constructor(deps: { readonly keys: AccountKeyService; readonly tokenKeys: TokenKeys }) {
    this.#keys = deps.keys;
    this.#tokens = deps.tokenKeys;
  }

  /**
   * Applies a plan to each record, see `applyProtection`. A record that cannot be
   * protected answers a code and the path of the field at fault, never a value: VALUE_INVALID without an account or for a
   * value that cannot be sealed, KEY_DESTROYED and KEY_UNAVAILABLE for its account's key.
   */
  protect(
    plan: ProtectionPlan,
    records: readonly unknown[],
    options: ApplyOptions = {},
  ): Promise<readonly Protected<AppliedProtection>[]> {
    const idOf = (field: string | null, index: number) => idIn(field, records[index]);
    return this.#each(plan, { count: records.length, idOf }, (index, seal) =>
      applyProtection(plan, records[index], seal, options),
    );
  }

  /**
   * {@link protect} for records as JSON text: what is not protected stays as it stands, every digit of a number included.
   * With `keepSealed` a value that is to be encrypted and is an envelope of its account already stays that envelope.
   */
  async protectTexts(
    plan: ProtectionPlan,
    texts: readonly JsonRecord[],
    { keepSealed = false }: { readonly keepSealed?: boolean } = {},
  ): Promise<readonly Protected<ProtectedJson>[]> {
    const sealed =
      keepSealed && plan.encrypts
        ? await SealedValues.in(
            this.#keys,
            texts.map(({ text }) => text),
          )
        : undefined;
    const idOf = (field: string | null, index: number) => idIn(field, texts[index]?.record);
    return this.#each(plan, { count: texts.length, idOf, sealed }, (index, seal) =>
      protectJson(plan, texts[index]?.text ?? '', seal),
    );
  }

  /** {@link protect} for records in Avro's binary encoding; the answers are data of the same schema. */
  protectAvros(
    plan: ProtectionPlan,
    schema: AvroRecord,
    payloads: readonly Uint8Array[],
    keeping: Keeping = {},
  ): Promise<readonly Protected<ProtectedAvro>[]> {
    return this.#eachPayload(
      plan,
      { payloads, ...keeping },
      {
        idIn: (field, payload) => avroIdIn(field, schema, payload),
        protectOne: (payload, seal) => protectAvro(plan, schema, payload, seal),
      },
    );
  }

  /** {@link protect} for records in Protobuf's binary form; the answers are data of the same message. */
  protectProtobufs(
    plan: ProtectionPlan,
    message: ProtobufMessage,
    payloads: readonly Uint8Array[],
    keeping: Keeping = {},
  ): Promise<readonly Protected<ProtectedProtobuf>[]> {
    return this.#eachPayload(
      plan,
      { payloads, ...keeping },
      {
        idIn: (field, payload) => protobufIdIn(field, message, payload),
        protectOne: (payload, seal) => protectProtobuf(plan, message, payload, seal),
      },
    );
  }

  async #eachPayload<T>(
    plan: ProtectionPlan,
    { payloads, sealedIn }: Keeping & { readonly payloads: readonly Uint8Array[] },
    form: {
      idIn(field: string | null, payload: Uint8Array): string | null;
      protectOne(payload: Uint8Array, seal: Seal): T;
    },
  ): Promise<readonly Protected<T>[]> {
    const payload = (index: number) => payloads[index] ?? new Uint8Array();
    const idOf = (field: string | null, index: number): string | null => {
      try {
        return form.idIn(field, payload(index));
      } catch {
        // Bytes that are no data of the schema are refused when they are protected.
        return null;
      }
    };
    const sealed = sealedIn !== undefined && plan.encrypts ? await SealedValues.in(this.#keys, sealedIn) : undefined;
    return this.#each(plan, { count: payloads.length, idOf, sealed }, (index, seal) =>
      form.protectOne(payload(index), seal),
    );
  }

  async #each<T>(
    plan: ProtectionPlan,
    batch: Batch,
    protectOne: (index: number, seal: Seal) => T,
  ): Promise<readonly Protected<T>[]> {
    const keysOf = await this.#recordKeys(plan, batch);
    const answers: Protected<T>[] = [];
    for (let index = 0; index < batch.count; index += 1) {
      if (index > 0 && index % recordsPerTurn === 0) await setImmediate();
      try {
        const seal = plan.encrypts ? this.#sealUnder(plan, keysOf(index), batch.sealed) : noSeal;
        answers.push({ ok: true, ...protectOne(index, seal) });
      } catch (error) {
        const { code, field } = toLinewardError(error);
        answers.push({ ok: false, code, path: field });
      }
    }
    return answers;
  }

  /** One record with its marks. @throws LinewardError with the code and path that `protect` answers. */
  async protectSample(plan: ProtectionPlan, record: unknown): Promise<unknown> {
    assertExact(record, ['sample']);
    const [answer] = await this.protect(plan, [record], { marks: true });
    if (answer?.ok === true) return answer.record;
    const path = answer?.path ?? [];
    throw new LinewardError(answer?.code ?? 'INTERNAL', undefined, { path: ['sample', ...path] });
  }

  /** Reads the keys that a batch needs at once; answers those of a record by its index. */
  async #recordKeys(plan: ProtectionPlan, { count, idOf }: Batch): Promise<(index: number) => RecordKeys> {
    if (!plan.encrypts) return () => ({ account: undefined, subject: undefined });
    const scopeOf = plan.encryptsForSubjects ? await this.#tokens.subjectScope() : null;
    const holders = Array.from(
      { length: count },
      (_, index): { account: KeyHolder | null; subject: KeyHolder | null } => {
        const accountId = idOf(plan.accountField, index);
        const [field, value] = [plan.subjectField, idOf(plan.subjectField, index)];
        if (accountId === null) return { account: null, subject: null };
        const account = plan.encryptsForAccounts ? { accountId, scope: '' } : null;
        if (scopeOf === null || field === null || value === null) return { account, subject: null };
        return { account, subject: { accountId, scope: scopeOf({ accountId, field, value }) } };
      },
    );
    const wanted = holders.flatMap(({ account, subject }) => [account, subject]).filter((one) => one !== null);
    const keys = await this.#keys.activeKeys(wanted);
    const keyOf = (holder: KeyHolder | null): KeyAnswer => (holder === null ? undefined : keys.get(holderId(holder)));
    return (index) => ({
      account: keyOf(holders[index]?.account ?? null),
      subject: keyOf(holders[index]?.subject ?? null),
    });
  }

  /** @throws LinewardError VALUE_INVALID, KEY_DESTROYED … at the field that names the account or person, before any work. */
  #sealUnder(plan: ProtectionPlan, keys: RecordKeys, sealed: SealedValues | undefined): Seal {
    if (plan.encryptsForAccounts) usable(keys.account, plan.accountField, 'account');
    if (plan.encryptsForSubjects) usable(keys.subject, plan.subjectField, 'subject');
    return (value, protection) => {
      const isSubjects = protection.keyScope === 'SUBJECT';
      const key = isSubjects
        ? usable(keys.subject, plan.subjectField, 'subject')
        : usable(keys.account, plan.accountField, 'account');
      if (typeof value === 'string' && sealed?.isSealed(key.accountId, value) === true) return value;
      this.#keys.charge(key, 1);
      return sealUnderKey(key, value, protection);
    };
  }
}

function usable(key: KeyAnswer, field: string | null, holder: string): AccountKey {
  const path = field === null ? [] : [field];
  if (key === undefined) throw new LinewardError('VALUE_INVALID', `The record names no ${holder}.`, { path });
  if (key instanceof LinewardError) throw new LinewardError(key.code, key.message, { path });
  return key;
}

const noSeal: Seal = () => {
  throw new LinewardError('INTERNAL', 'A plan without encryption asked for a key.');
};
