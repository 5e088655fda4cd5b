import type { Selection } from '../../domain/governance/selection.ts';
import type { RecordFault } from '../../domain/kafka/record-content.ts';
import type { KafkaMessage, OutgoingMessage } from './ports.ts';

/** What becomes of a record on its way into the next generation. */
export type Fate =
  | { readonly kind: 'KEPT' }
  | { readonly kind: 'ERASED' }
  | { readonly kind: 'CHANGED'; readonly value: Buffer | string; readonly headers: OutgoingMessage['headers'] };

/** Whether a record would be acted on, or why nobody can tell. */
export type Concern = boolean | RecordFault;

/**
 * What an operation does to the records of a topic. Copying, switching, comparing and purging are the same for all.
 */
export interface TopicAction {
  /** Equal for equal work; null where there is nothing to compare. */
  readonly mark: unknown;
  /** True when records are left out, false when their values are replaced. */
  readonly erases: boolean;
  /** Why nothing can be done where these protection streams write; null where all can. */
  refusalBehind?(streamIds: readonly string[]): string | null;
  /** In the order of the messages. */
  fates(messages: readonly KafkaMessage[], selection: Selection): Promise<readonly Fate[]>;
  /** In the order of the messages; reads them afresh, and makes nothing. */
  concerns(messages: readonly KafkaMessage[], selection: Selection): Promise<readonly Concern[]>;
}
