import { isKeyFault } from '../../domain/privacy/key-fault.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccountKeyService } from '../privacy/account-key.service.ts';
import { Resealing } from '../privacy/resealing.ts';
import { looksSealed, SealedValues } from '../privacy/sealed-values.ts';
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
    const resealing = await Resealing.in(this.#keys, texts);
    if (resealing.isEmpty) return batch;
    const accounts = batch[this.#accountField] ?? [];
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
      columns.map((name) => [name, (batch[name] ?? []).map((text, row) => replaced(text, rewrapAt(row)))]),
    );
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
