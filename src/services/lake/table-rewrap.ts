import { isKeyFault } from '../../domain/privacy/key-fault.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccountKeyService } from '../privacy/account-key.service.ts';
import { Resealing } from '../privacy/resealing.ts';
import { looksSealed, SealedValues } from '../privacy/sealed-values.ts';
import { formsOf, plainText } from './column-records.ts';
import type { ColumnTexts, ProfileResult, ValueForm } from './ports.ts';
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
    const resealing = await Resealing.in(this.#keys, texts);
    if (resealing.isEmpty) return batch;
    const accountForm = forms.get(this.#accountField);
    const accounts = (batch[this.#accountField] ?? []).map((text) => plainText(text, accountForm));
    const failed = new Set<number>();
    const rewrapAt = (row: number) => (envelope: string) => {
      const answer = resealing.reseal(accounts[row] ?? '', envelope);
      if (answer instanceof LinewardError) {
        if (isKeyFault(answer.code)) throw answer;
        if (!failed.has(row)) tally.fail(answer.code);
        failed.add(row);
        return null;
      }
      if (answer !== null) tally.count(`keyVersion${resealing.headerOf(envelope)?.keyVersion}`);
      return answer;
    };
    return Object.fromEntries(
      columns.map((name) => [
        name,
        (batch[name] ?? []).map((text, row) => replaced(text, forms.get(name), rewrapAt(row))),
      ]),
    );
  }
}

function asJson(text: string | null, form: ValueForm | undefined): readonly string[] {
  const plain = plainText(text, form);
  if (plain === null) return [];
  // A text may hold JSON, too.
  return [looksSealed(plain) ? `"${plain}"` : plain];
}

function replaced(
  text: string | null,
  form: ValueForm | undefined,
  rewrap: (envelope: string) => string | null,
): string | null {
  const plain = plainText(text, form);
  if (plain === null) return null;
  const other = looksSealed(plain) ? (rewrap(plain) ?? plain) : SealedValues.replaceIn(plain, rewrap);
  if (other === plain) return text;
  return plain === text ? other : JSON.stringify(other);
}
