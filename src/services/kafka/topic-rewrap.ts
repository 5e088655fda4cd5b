import type { Selection } from '../../domain/governance/selection.ts';
import type { RecordContent, RecordFault } from '../../domain/kafka/record-content.ts';
import { matches, recordKeys } from '../../domain/kafka/table-view.ts';
import { isKeyFault } from '../../domain/privacy/key-fault.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccountKeyService } from '../privacy/account-key.service.ts';
import { Resealing } from '../privacy/resealing.ts';
import { SealedValues } from '../privacy/sealed-values.ts';
import type { KafkaMessage } from './ports.ts';
import { envelopesText, replaceEnvelopes } from './record-envelopes.ts';
import type { ReadValue, RecordForm, RecordReader } from './record-reader.ts';
import type { Concern, Fate, TopicAction } from './topic-action.ts';

interface SeenRecord {
  readonly kind: 'RECORD';
  readonly value: Buffer;
  readonly record: RecordContent;
  readonly form: RecordForm;
  readonly accountId: string;
  /** JSON that holds its envelopes. */
  readonly text: string;
}

type Seen = SeenRecord | { readonly kind: 'TOMBSTONE' } | { readonly kind: 'FAULT'; readonly fault: RecordFault };

/**
 * Opens envelopes under older versions of keys, and seals what is in them under the versions in force. Every other character
 * of JSON texts stays, and every other byte of Avro and Protobuf but lengths.
 */
export class TopicRewrap implements TopicAction {
  readonly mark = { rewrap: 'to the key versions in force' };
  readonly erases = false;
  readonly #deps: { readonly keys: AccountKeyService; readonly records: RecordReader };
  readonly #accountField: string;

  constructor(deps: { readonly keys: AccountKeyService; readonly records: RecordReader }, accountField: string) {
    this.#deps = deps;
    this.#accountField = accountField;
  }

  async fates(messages: readonly KafkaMessage[], selection: Selection): Promise<readonly Fate[]> {
    const { seen, resealing } = await this.#see(messages);
    return seen.map((one): Fate => {
      if (one.kind !== 'RECORD' || !this.#isAsked(one, selection)) return { kind: 'KEPT' };
      const value = replaceEnvelopes(one.value, one.form, (envelope) => resealed(resealing, one.accountId, envelope));
      return value === one.value ? { kind: 'KEPT' } : { kind: 'CHANGED', value, headers: {} };
    });
  }

  async concerns(messages: readonly KafkaMessage[], selection: Selection): Promise<readonly Concern[]> {
    const { seen, resealing } = await this.#see(messages);
    return seen.map((one): Concern => {
      if (one.kind !== 'RECORD') return one.kind === 'FAULT' && one.fault;
      return this.#isAsked(one, selection) && hasOutdated(resealing, one.accountId, one.text);
    });
  }

  async #see(messages: readonly KafkaMessage[]) {
    const pass = this.#deps.records.pass();
    const seen: Seen[] = [];
    for (const { value, headers } of messages)
      seen.push(value === null ? { kind: 'TOMBSTONE' } : this.#seen(value, await pass.read(value, headers)));
    const texts = seen.flatMap((one) => (one.kind === 'RECORD' ? [one.text] : []));
    return { seen, resealing: await Resealing.in(this.#deps.keys, texts) };
  }

  #seen(value: Buffer, content: ReadValue): Seen {
    if (!content.ok) return { kind: 'FAULT', fault: content.fault };
    const { record, form } = content;
    const text = envelopesText(form, record);
    if (text === null) return { kind: 'FAULT', fault: unwalkable(form) };
    const { accountId } = recordKeys(record, this.#accountField, []);
    return { kind: 'RECORD', value, record, form, accountId: accountId ?? '', text };
  }

  #isAsked({ record }: SeenRecord, selection: Selection): boolean {
    return matches(selection, recordKeys(record, this.#accountField, []), null);
  }
}

const unwalkable = (form: RecordForm): RecordFault =>
  form.kind === 'JSON' ? { kind: 'NOT_JSON' } : { kind: 'MISFIT', schema: form.schemaName };

/** @throws LinewardError KEY_UNAVAILABLE, KEY_MISMATCH; what cannot be opened stays. */
function resealed(resealing: Resealing, accountId: string, envelope: string): string | null {
  const answer = resealing.reseal(accountId, envelope);
  if (answer instanceof LinewardError && isKeyFault(answer.code)) throw answer;
  return answer instanceof LinewardError ? null : answer;
}

function hasOutdated(resealing: Resealing, accountId: string, text: string): boolean {
  let isFound = false;
  SealedValues.replaceIn(text, (envelope) => {
    isFound ||= resealing.isOutdated(accountId, envelope);
    return null;
  });
  return isFound;
}
