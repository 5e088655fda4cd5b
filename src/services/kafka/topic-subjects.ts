import type { SubjectSelector } from '../../domain/governance/selection.ts';
import { UnreadableRecords } from '../../domain/kafka/record-content.ts';
import { recordKeys } from '../../domain/kafka/table-view.ts';
import type { TargetPlace } from '../../domain/operations/target.ts';
import type { SubjectScanner } from '../operations/ports.ts';
import { scanBatches } from './message-batches.ts';
import type { KafkaGateway, KafkaMessage } from './ports.ts';
import type { RecordReader } from './record-reader.ts';

/** Different subjects of one topic that are kept apart while it is read. */
const subjectsMax = 2_000_000;

/** Whom the records of topics are about. */
export class TopicSubjects implements SubjectScanner {
  readonly role = 'TOPIC';
  readonly #kafka: KafkaGateway;
  readonly #records: RecordReader;

  constructor(deps: { readonly kafka: KafkaGateway; readonly records: RecordReader }) {
    this.#kafka = deps.kafka;
    this.#records = deps.records;
  }

  async *subjectsIn(place: TargetPlace, signal: AbortSignal): AsyncGenerator<SubjectSelector | string> {
    if (!this.#kafka.configured || (await this.#kafka.describeTopic(place.name)) === null) {
      yield 'the broker has no such topic';
      return;
    }
    const seen = new Map<string, SubjectSelector>();
    const unreadable = new UnreadableRecords();
    let left = 0;
    const add = (selector: SubjectSelector): void => {
      const name = JSON.stringify([selector.accountId, selector.subject?.field, selector.subject?.value]);
      if (seen.size < subjectsMax) seen.set(name, selector);
      else if (!seen.has(name)) left += 1;
    };
    const pass = this.#records.pass();
    const read = async (messages: readonly KafkaMessage[]): Promise<void> => {
      for (const { value, headers } of messages) {
        const content = value === null ? null : await pass.read(value, headers);
        if (content === null) continue;
        if (!content.ok) {
          unreadable.add(content.fault);
          continue;
        }
        const { accountId, subjects } = recordKeys(content.record, place.accountField, place.subjectFields);
        if (accountId === null) continue;
        add({ accountId });
        for (const [field, found] of Object.entries(subjects))
          if (found !== null) add({ accountId, subject: { field, value: found } });
      }
    };
    await scanBatches(this.#kafka, place.name, read, { signal });
    yield* seen.values();
    yield* unreadable.reasons();
    if (left > 0) yield `it names more than ${subjectsMax} subjects; records of others were not looked at`;
  }
}
