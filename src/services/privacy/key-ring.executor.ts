import type { EntityManager } from '@mikro-orm/postgresql';
import { keysFreeOfHolds } from '../../domain/governance/permission.ts';
import type { Selection, SubjectSelector } from '../../domain/governance/selection.ts';
import {
  type Gap,
  keyRing,
  type Residue,
  type TargetEstimate,
  type TargetPlace,
  type TargetReceipt,
  type TargetVerification,
} from '../../domain/operations/target.ts';
import { openEnvelope } from '../../domain/privacy/envelope.ts';
import { type AccountKeyRow, AccountKeySchema } from '../../entities/account-key.entity.ts';
import { toLinewardError } from '../../errors/lineward-error.ts';
import type { ExecutionContext, TargetExecutor } from '../operations/ports.ts';
import type { AccountKeyService } from './account-key.service.ts';
import { destroyKeys } from './destroy-keys.ts';
import type { KeyHolders } from './key-holders.ts';
import type { KeyVersionUse } from './key-version-use.ts';
import type { ShredLedger } from './ports.ts';
import type { UnencryptedPlaces } from './unencrypted-places.ts';

export interface KeyRingDeps {
  readonly em: EntityManager;
  readonly keys: AccountKeyService;
  readonly holders: KeyHolders;
  readonly ledger: ShredLedger;
  readonly places: UnencryptedPlaces;
  readonly use: Pick<KeyVersionUse, 'assertUnneeded'>;
  /** Records that a minimum, or a hold on their place, keeps readable. */
  readonly retained: { of(selectors: readonly SubjectSelector[]): Promise<readonly (Gap | null)[]> };
}

/** Accounts and persons between two looks at the holds. */
const holdersAtOnce = 50;
/** Most keys that are listed in a plan and a receipt; more are counted. */
const listedMax = 10_000;

/**
 * Destroys keys: what they encrypted can then be read by nobody, wherever copies of it lie. The ledger is written before the
 * row, so that a database restored from a backup forgets again; a row without its key stays for ever, so that the account
 * or person never gets a new one. A version that is named by itself goes only while nothing is known to need it, and its
 * holder goes on with the others.
 */
export class KeyRingExecutor implements TargetExecutor {
  readonly role = keyRing.role;
  readonly kinds = ['SHRED'] as const;
  readonly #deps: KeyRingDeps;

  constructor(deps: KeyRingDeps) {
    this.#deps = deps;
  }

  async plan(_place: TargetPlace, selection: Selection): Promise<TargetEstimate> {
    const { free, gaps } = await this.#freeOf(selection);
    const manifest: Readonly<Record<string, unknown>>[] = [];
    let records = 0;
    for (const selector of free) {
      const rows = await this.#keysOf(selector);
      records += rows.length;
      const proven = await this.#provenUnneeded(selector, rows);
      for (const { id, version, state } of rows)
        if (manifest.length < listedMax) manifest.push({ keyId: id, keyVersion: version, state, ...proven });
    }
    const seconds = Math.ceil(free.length / 500);
    return { action: 'DESTROY', files: 0, bytes: 0, records, seconds, gaps, manifest };
  }

  async execute(context: ExecutionContext): Promise<TargetReceipt> {
    const { act } = await context.requested();
    for (let start = 0; start < act.length; start += holdersAtOnce) {
      await context.lease.assertHeld();
      // Holds are read again: one placed a moment ago still saves its keys.
      const free = new Set(keysFreeOfHolds(await context.selectionNow()).free.map(nameOf));
      const unheld = act.slice(start, start + holdersAtOnce).filter((selector) => free.has(nameOf(selector)));
      const kept = await this.#deps.retained.of(unheld);
      for (const [index, selector] of unheld.entries())
        if (kept[index] === null) await this.#destroy(context.operationId, selector);
      await context.report({ done: Math.min(start + holdersAtOnce, act.length), total: act.length, unit: 'keys' });
    }
    return this.#receipt(context, (await this.#freeOf(await context.selectionNow())).gaps);
  }

  /** What is destroyed stays so, whatever ends the operation. */
  receiptSoFar(context: ExecutionContext): Promise<TargetReceipt> {
    return this.#receipt(context, []);
  }

  /** Reads the rows anew, and tries to open what every key sealed when it was made. */
  async verify(context: ExecutionContext): Promise<TargetVerification> {
    const { free, gaps } = await this.#freeOf(await context.selectionNow());
    let [survivors, scanned] = [0, 0];
    for (const selector of free) {
      for (const row of await this.#keysOf(selector)) {
        scanned += 1;
        if (row.wrapped != null || row.state !== 'DESTROYED' || (await this.#opensCanary(row))) survivors += 1;
      }
    }
    const method = 'the canary of every key version must answer KEY_DESTROYED, and its row must hold no key';
    return { survivors, lost: 0, recordsScanned: scanned, method, open: gaps };
  }

  /** A key is what makes records readable, and a minimum keeps them so. One version of a key is proven unneeded elsewhere. */
  async #freeOf(
    selection: Selection,
  ): Promise<{ readonly free: readonly SubjectSelector[]; readonly gaps: readonly Gap[] }> {
    const { free: unheld, gaps: held } = keysFreeOfHolds(selection);
    const kept = await this.#deps.retained.of(unheld);
    const gaps = kept.filter((gap) => gap !== null);
    return { free: unheld.filter((_, index) => kept[index] === null), gaps: [...held, ...gaps] };
  }

  async #destroy(operationId: string, selector: SubjectSelector): Promise<void> {
    const rows = await this.#keysOf(selector);
    const version = selector.keyVersion;
    // A worker before us came so far.
    if (rows.length > 0 && rows.every((row) => isDestroyed(row, version === undefined))) return;
    await this.#provenUnneeded(selector, rows);
    const holder = await this.#deps.holders.holderOf(selector);
    const isWhole = selector.subject === undefined && version === undefined;
    const destroyed = { operationId, ...holder, isWhole, ...(version === undefined ? {} : { version }) };
    await this.#deps.ledger.append({ ...destroyed, at: new Date().toISOString() });
    await destroyKeys(this.#deps.em, destroyed);
  }

  /** Of a version that goes by itself, the operation that proves it free. @throws LinewardError KEY_IN_USE */
  async #provenUnneeded(
    { keyVersion }: SubjectSelector,
    rows: readonly AccountKeyRow[],
  ): Promise<{ readonly provenBy?: string | null }> {
    const [row] = rows;
    if (keyVersion === undefined || row === undefined || row.state === 'DESTROYED') return {};
    return { provenBy: await this.#deps.use.assertUnneeded(row) };
  }

  async #keysOf(selector: SubjectSelector): Promise<readonly AccountKeyRow[]> {
    const { accountId, scope } = await this.#deps.holders.holderOf(selector);
    const { keyVersion: version, subject } = selector;
    const ofHolder = version === undefined ? { accountId, scope } : { accountId, scope, version };
    const where = version === undefined && subject === undefined ? { accountId } : ofHolder;
    return this.#deps.em.fork().find(AccountKeySchema, where, { orderBy: { scope: 'asc', version: 'asc' } });
  }

  async #opensCanary({ accountId, scope, version, canary }: AccountKeyRow): Promise<boolean> {
    if (canary == null) return false;
    try {
      const { key } = await this.#deps.keys.keyVersion({ accountId, scope, version });
      const subject = scope === '' ? {} : { subjectScope: scope };
      openEnvelope({ accountId, ...subject, keyVersion: version, key }, canary);
      return true;
    } catch (error) {
      return toLinewardError(error).code !== 'KEY_DESTROYED';
    }
  }

  async #receipt(context: ExecutionContext, open: readonly Gap[]): Promise<TargetReceipt> {
    const rows = await this.#deps.em
      .fork()
      .find(AccountKeySchema, { destroyedBy: context.operationId }, { orderBy: { id: 'asc' } });
    return {
      recordsErased: rows.length,
      recordsKept: 0,
      filesRewritten: 0,
      filesRemoved: 0,
      bytesBefore: 0,
      bytesAfter: 0,
      evidence: rows.slice(0, listedMax).map(({ id, version, destroyedAt }) => ({
        keyId: id,
        keyVersion: version,
        destroyedAt: destroyedAt?.toISOString() ?? null,
      })),
      residues: [
        {
          dataset: `${keyRing.namespace}/${keyRing.name}`,
          reason:
            'backups of the database from before hold the wrapped keys until they expire; a restore destroys them again from the ledger before it serves',
          until: null,
        },
        ...(await this.#unencrypted(context)),
      ],
      open,
    };
  }

  /** What was encrypted under a version that goes by itself stays readable, so its residues are no matter of keys. */
  async #unencrypted(context: ExecutionContext): Promise<readonly Residue[]> {
    const { act } = await context.requested();
    return act.every(({ keyVersion }) => keyVersion !== undefined) ? [] : this.#deps.places.residues();
  }
}

/** True for a version that is gone; with `isOfHolder`, for one that went with its holder. */
function isDestroyed({ state, destroyedSingly }: AccountKeyRow, isOfHolder: boolean): boolean {
  return state === 'DESTROYED' && !(isOfHolder && destroyedSingly);
}

function nameOf({ accountId, subject, keyVersion }: SubjectSelector): string {
  return JSON.stringify([accountId, subject?.field, subject?.value, keyVersion]);
}
