import type { Selection } from '../../domain/governance/selection.ts';
import { matches, recordedAt, recordKeys } from '../../domain/kafka/table-view.ts';
import type { TargetPlace } from '../../domain/operations/target.ts';
import type { KafkaMessage } from './ports.ts';
import type { RecordReader } from './record-reader.ts';
import type { Concern, Fate, TopicAction } from './topic-action.ts';

/** Leaves the records of the selection out. What cannot be read stays, since nobody can tell whom it is about. */
export class TopicErasure implements TopicAction {
  readonly mark = null;
  readonly erases = true;
  readonly #records: RecordReader;
  readonly #place: Pick<TargetPlace, 'accountField' | 'subjectFields'>;

  constructor(records: RecordReader, place: Pick<TargetPlace, 'accountField' | 'subjectFields'>) {
    this.#records = records;
    this.#place = place;
  }

  async fates(messages: readonly KafkaMessage[], selection: Selection): Promise<readonly Fate[]> {
    const concerns = await this.concerns(messages, selection);
    return concerns.map((concern) => ({ kind: concern === true ? 'ERASED' : 'KEPT' }));
  }

  async concerns(messages: readonly KafkaMessage[], selection: Selection): Promise<readonly Concern[]> {
    const { accountField, subjectFields } = this.#place;
    const pass = this.#records.pass();
    const concerns: Concern[] = [];
    for (const { value, headers, timestamp } of messages) {
      const read = value === null ? null : pass.read(value, headers);
      const content = read instanceof Promise ? await read : read;
      if (content === null) concerns.push(false);
      else if (!content.ok) concerns.push(content.fault);
      else
        concerns.push(
          matches(selection, recordKeys(content.record, accountField, subjectFields), recordedAt(timestamp)),
        );
    }
    return concerns;
  }
}
