import type { Selection } from '../../domain/governance/selection.ts';
import type { ReadRecord } from '../../domain/kafka/record-content.ts';
import { matches, recordKeys } from '../../domain/kafka/table-view.ts';
import { isKeyFault } from '../../domain/privacy/key-fault.ts';
import { beginsLikeJson, frameContent, framedRecord } from '../../domain/registry/framed-record.ts';
import { schemaIdHeaders } from '../../domain/registry/wire-format.ts';
import { strictUtf8 } from '../../domain/strict-utf8.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccountKeyService } from '../privacy/account-key.service.ts';
import { Resealing } from '../privacy/resealing.ts';
import { SealedValues } from '../privacy/sealed-values.ts';
import type { KafkaMessage } from './ports.ts';
import type { RecordReader } from './record-reader.ts';
import type { Concern, Fate, TopicAction } from './topic-action.ts';

interface Seen {
  readonly content: ReadRecord | null;
  readonly accountId: string | null;
  /** The record as JSON, its own text where it is one. */
  readonly text: string;
}

const nothing: Seen = { content: null, accountId: null, text: '' };

/**
 * Opens envelopes under older versions of keys, and seals what is in them under the versions in force: in JSON texts, of
 * which every other character stays. Envelopes in Avro and Protobuf are found and stay, which the receipt tells.
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
    return messages.map((message, index): Fate => {
      const { accountId, content } = seen[index] ?? nothing;
      const json = jsonPart(message);
      if (json === null || content?.ok !== true || !this.#isAsked(content, selection)) return { kind: 'KEPT' };
      const text = SealedValues.replaceIn(json.text, (envelope) => resealed(resealing, accountId ?? '', envelope));
      if (text === json.text) return { kind: 'KEPT' };
      return { kind: 'CHANGED', value: Buffer.concat([json.prefix, Buffer.from(text)]), headers: {} };
    });
  }

  async concerns(messages: readonly KafkaMessage[], selection: Selection): Promise<readonly Concern[]> {
    const { seen, resealing } = await this.#see(messages);
    return seen.map(({ content, accountId, text }): Concern => {
      if (content === null) return false;
      if (!content.ok) return content.fault;
      return this.#isAsked(content, selection) && hasOutdated(resealing, accountId ?? '', text);
    });
  }

  async #see(messages: readonly KafkaMessage[]) {
    const pass = this.#deps.records.pass();
    const seen: Seen[] = [];
    for (const message of messages) {
      const content = message.value === null ? null : await pass.read(message.value, message.headers);
      if (content?.ok !== true) {
        seen.push({ ...nothing, content });
        continue;
      }
      const { accountId } = recordKeys(content.record, this.#accountField, []);
      seen.push({ content, accountId, text: jsonPart(message)?.text ?? jsonOf(content.record) });
    }
    const resealing = await Resealing.in(
      this.#deps.keys,
      seen.map(({ text }) => text),
    );
    return { seen, resealing };
  }

  #isAsked(content: ReadRecord, selection: Selection): boolean {
    return content.ok && matches(selection, recordKeys(content.record, this.#accountField, []));
  }
}

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

/** The JSON text in a value, bare or behind the prefix that names its schema; null for other encodings. */
function jsonPart({ value, headers }: KafkaMessage): { readonly prefix: Buffer; readonly text: string } | null {
  if (value === null) return null;
  const framed = beginsLikeJson(value) ? null : framedRecord(value, headers[schemaIdHeaders.value]);
  const payload = framed === null ? value : Buffer.from(frameContent(framed, false).payload);
  const text = beginsLikeJson(payload) ? strictUtf8(payload) : null;
  return text === null ? null : { prefix: value.subarray(0, value.length - payload.length), text };
}

const jsonOf = (record: unknown): string =>
  JSON.stringify(record, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
