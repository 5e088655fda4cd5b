import { setImmediate } from 'node:timers/promises';
import {
  type AppliedProtection,
  accountIdOf,
  applyProtection,
  type Seal,
} from '../../domain/privacy/apply-protection.ts';
import { sealEnvelope } from '../../domain/privacy/envelope.ts';
import type { ProtectionPlan } from '../../domain/privacy/protection-plan.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import type { AccountKey, AccountKeyService } from './account-key.service.ts';

export type ProtectedRecord =
  | ({ readonly ok: true } & AppliedProtection)
  | { readonly ok: false; readonly code: ErrorCode; readonly path: readonly string[] };

/** Records between two turns of the event loop: other requests are served while a batch is under way. */
const recordsPerTurn = 500;

/** Protects records in bulk: one key look-up per account, one answer per record, in order; no record fails another. */
export class ProtectionService {
  readonly #keys: AccountKeyService;

  constructor(deps: { readonly keys: AccountKeyService }) {
    this.#keys = deps.keys;
  }

  /**
   * Applies a plan to each record. A record that cannot be protected answers a code and the path of the field at
   * fault, never a value: VALUE_INVALID without an account or for a value that cannot be sealed, KEY_DESTROYED and
   * KEY_UNAVAILABLE for its account's key.
   */
  async protect(plan: ProtectionPlan, records: readonly unknown[]): Promise<readonly ProtectedRecord[]> {
    const accountIds = plan.encrypts ? records.map((record) => accountIdOf(plan, record)) : [];
    const present = accountIds.filter((accountId) => accountId !== null);
    const keys = present.length === 0 ? new Map<string, never>() : await this.#keys.activeKeys(present);
    const answers: ProtectedRecord[] = [];
    for (const [index, record] of records.entries()) {
      if (index > 0 && index % recordsPerTurn === 0) await setImmediate();
      const accountId = accountIds[index] ?? null;
      answers.push(protectOne(plan, record, accountId === null ? undefined : keys.get(accountId)));
    }
    return answers;
  }

  /** One record. @throws LinewardError with the code and path that `protect` answers. */
  async protectSample(plan: ProtectionPlan, record: unknown): Promise<unknown> {
    const [answer] = await this.protect(plan, [record]);
    if (answer?.ok === true) return answer.record;
    const path = answer?.path ?? [];
    throw new LinewardError(answer?.code ?? 'INTERNAL', undefined, { path: ['sample', ...path] });
  }
}

function protectOne(
  plan: ProtectionPlan,
  record: unknown,
  key: AccountKey | LinewardError | undefined,
): ProtectedRecord {
  try {
    return { ok: true, ...applyProtection(plan, record, plan.encrypts ? sealUnder(plan, key) : noSeal) };
  } catch (error) {
    const { code, field } = toLinewardError(error);
    return { ok: false, code, path: field };
  }
}

function sealUnder(plan: ProtectionPlan, key: AccountKey | LinewardError | undefined): Seal {
  const path = plan.accountField === null ? [] : [plan.accountField];
  if (key === undefined) throw new LinewardError('VALUE_INVALID', 'The record names no account.', { path });
  if (key instanceof LinewardError) throw new LinewardError(key.code, key.message, { path });
  const { accountId, version: keyVersion } = key;
  return (value, semanticType) => sealEnvelope({ suite: 1, accountId, keyVersion, semanticType, key: key.key }, value);
}

const noSeal: Seal = () => {
  throw new LinewardError('INTERNAL', 'A plan without encryption asked for a key.');
};
