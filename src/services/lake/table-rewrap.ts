import type { EnvelopeHeader } from '../../domain/privacy/envelope-text.ts';
import { isKeyFault } from '../../domain/privacy/key-fault.ts';
import { type AccountKey, holderId } from '../../domain/privacy/key-holder.ts';
import { sealUnderKey } from '../../domain/privacy/seal-under-key.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccountKeyService } from '../privacy/account-key.service.ts';
import { looksSealed, nameOf, SealedValues } from '../privacy/sealed-values.ts';
import { formsOf } from './column-records.ts';
import type { ColumnTexts, ProfileResult } from './ports.ts';
import type { FileTransform, TableTransformation, TransformTally } from './table-transformation.ts';

/** Opens envelopes under older versions of keys, and seals what is in them under the versions in force. */
export class TableRewrap implements TableTransformation {
  readonly mark = { rewrap: 'to the key versions in force' };
  readonly isOnceOnly = false;
  readonly #keys: AccountKeyService;
  readonly #accountField: string;

  constructor(keys: AccountKeyService, accountField: string) {
    this.#keys = keys;
    this.#accountField = accountField;
  }

  of(profile: ProfileResult): FileTransform | null {
    const forms = formsOf(profile);
    const columns = [...forms].filter(([, form]) => form !== 'OTHER').map(([name]) => name);
    if (columns.length === 0) return null;
    return {
      columns,
      keyColumns: [this.#accountField],
      metadata: {},
      transform: (batch, tally) => this.#rewrap(batch, { columns, forms, tally }),
    };
  }

  gapsOf(): readonly never[] {
    return [];
  }

  async #rewrap(
    batch: ColumnTexts,
    work: {
      readonly columns: readonly string[];
      readonly forms: ReturnType<typeof formsOf>;
      readonly tally: TransformTally;
    },
  ): Promise<ColumnTexts> {
    const { columns, forms, tally } = work;
    const texts = columns.flatMap((name) => (batch[name] ?? []).flatMap((text) => asJson(text, forms.get(name))));
    const sealed = await SealedValues.in(this.#keys, texts);
    if (sealed.envelopes.size === 0) return batch;
    const active = await this.#keys.activeKeys(sealed.holders());
    const accounts = batch[this.#accountField] ?? [];
    const failed = new Set<number>();
    const rewrapAt = (row: number) => (envelope: string) => {
      const header = sealed.envelopes.get(envelope);
      if (header === undefined) return null;
      const answer = this.#resealed(envelope, header, { sealed, active, accountId: accounts[row] ?? '' });
      if (answer instanceof LinewardError) {
        if (isKeyFault(answer.code)) throw answer;
        if (!failed.has(row)) tally.fail(answer.code);
        failed.add(row);
        return null;
      }
      if (answer !== null) tally.count(`keyVersion${header.keyVersion}`);
      return answer;
    };
    return Object.fromEntries(
      columns.map((name) => [name, (batch[name] ?? []).map((text, row) => replaced(text, rewrapAt(row)))]),
    );
  }

  /** The new envelope; null for one that is under the version in force, and for one that nobody can open any more. */
  #resealed(
    envelope: string,
    header: EnvelopeHeader,
    by: {
      readonly sealed: SealedValues;
      readonly active: ReadonlyMap<string, AccountKey | LinewardError>;
      readonly accountId: string;
    },
  ): string | LinewardError | null {
    const key = by.active.get(holderId(nameOf(header)));
    if (key === undefined || (key instanceof LinewardError && key.code === 'KEY_DESTROYED')) return null;
    if (key instanceof LinewardError) return key;
    if (header.keyVersion >= key.version) return null;
    const opened = by.sealed.open(by.accountId, envelope);
    if (opened instanceof LinewardError) return opened.code === 'KEY_DESTROYED' ? null : opened;
    this.#keys.charge(key, 1);
    const { suite, semanticType } = header;
    return sealUnderKey(key, opened.value, { suite, semanticType, padding: opened.padding });
  }
}

function asJson(text: string | null, form: 'TEXT' | 'JSON' | 'OTHER' | undefined): readonly string[] {
  if (text === null) return [];
  // A column of text may hold JSON, too.
  return [form === 'TEXT' && looksSealed(text) ? `"${text}"` : text];
}

function replaced(text: string | null, rewrap: (envelope: string) => string | null): string | null {
  if (text === null) return null;
  return looksSealed(text) ? (rewrap(text) ?? text) : SealedValues.replaceIn(text, rewrap);
}
