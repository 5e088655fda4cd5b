import { daysWithin, type KeptByMinimum, minimumGap } from '../../domain/governance/minimum-retention.ts';
import type { Selection } from '../../domain/governance/selection.ts';
import { recordedAt } from '../../domain/kafka/table-view.ts';
import type { Gap } from '../../domain/operations/target.ts';
import type { KafkaMessage } from './ports.ts';
import type { TopicAction } from './topic-action.ts';

/** Counts the records of a topic that would be left out if no minimum kept them. */
export class MinimumTally {
  readonly #selection: Selection;
  readonly #otherwise: Selection;
  readonly #action: TopicAction;
  #kept: KeptByMinimum = { records: 0, undated: 0, daysLeft: null };

  constructor(action: TopicAction, selection: Selection) {
    this.#action = action;
    this.#selection = selection;
    const { minimum: _, ...otherwise } = selection;
    this.#otherwise = otherwise;
  }

  async add(messages: readonly KafkaMessage[]): Promise<void> {
    const { minimum } = this.#selection;
    if (minimum === undefined || !this.#action.erases) return;
    const concerns = await this.#action.concerns(messages, this.#otherwise);
    for (const [index, message] of messages.entries()) {
      if (concerns[index] !== true) continue;
      const at = recordedAt(message.timestamp);
      const days = at === null ? -1 : daysWithin(minimum, at);
      if (at !== null && days < 0) continue;
      const { records, undated, daysLeft } = this.#kept;
      this.#kept = {
        records: records + 1,
        undated: undated + (at === null ? 1 : 0),
        daysLeft: at === null ? daysLeft : Math.max(daysLeft ?? 0, days),
      };
    }
  }

  gaps(dataset: string): readonly Gap[] {
    const { minimum } = this.#selection;
    const gap = minimum === undefined ? null : minimumGap(minimum, this.#kept);
    return gap === null ? [] : [{ ...gap, dataset }];
  }
}
