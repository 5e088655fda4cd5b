import type { Selection } from '../../domain/governance/selection.ts';
import { matches, recordKeys } from '../../domain/kafka/table-view.ts';
import { makesTokens, planMark } from '../../domain/privacy/plan-mark.ts';
import type { ProtectionPlan } from '../../domain/privacy/protection-plan.ts';
import type { KafkaMessage } from './ports.ts';
import type { MessageProtection, ProtectedEntity } from './protect-messages.ts';
import type { RecordReader } from './record-reader.ts';
import type { Concern, Fate, TopicAction } from './topic-action.ts';

/** Header of a record whose value is what a protection left: a digest of what was done. */
const protectionHeader = 'lineward-protection';

export interface TopicProtectionDeps {
  readonly protection: MessageProtection;
  readonly records: RecordReader;
  /** Keyed, so that nobody else can call a record protected. */
  digest(mark: unknown): string;
}

/**
 * Applies the protection plan of an entity to what a topic holds, as the streams do to what passes through. What was
 * redacted cannot be told from what was not, so each record that is done says so in a header.
 */
export class TopicProtection implements TopicAction {
  readonly erases = false;
  readonly mark: unknown;
  readonly #deps: TopicProtectionDeps;
  readonly #entity: ProtectedEntity;
  readonly #digest: string;
  readonly #isOnceOnly: boolean;

  constructor(deps: TopicProtectionDeps, plan: ProtectionPlan, entity: ProtectedEntity) {
    this.mark = planMark(plan);
    this.#deps = deps;
    this.#entity = entity;
    this.#digest = deps.digest({ protection: this.mark });
    this.#isOnceOnly = makesTokens(plan);
  }

  /** Why nothing can be done to records that are protected on their way into the topic; null where all can. */
  refusalBehind(streamIds: readonly string[]): string | null {
    if (!this.#isOnceOnly || streamIds.length === 0) return null;
    return `stream ${streamIds[0]} has made tokens in its records already, and of a token none is made`;
  }

  async fates(messages: readonly KafkaMessage[], selection: Selection): Promise<readonly Fate[]> {
    const concerns = await this.concerns(messages, selection);
    const todo = [...messages.keys()].filter((index) => concerns[index] === true && this.#mayBeDone(messages[index]));
    const answers = await this.#deps.protection.answers(
      this.#entity,
      todo.flatMap((index) => messages[index] ?? []),
      { keepSealed: true },
    );
    const fates: Fate[] = messages.map(() => ({ kind: 'KEPT' }));
    for (const [position, index] of todo.entries()) {
      const answer = answers[position];
      if (answer?.ok !== true) continue;
      fates[index] = { kind: 'CHANGED', value: answer.value, headers: { [protectionHeader]: this.#digest } };
    }
    return fates;
  }

  async concerns(messages: readonly KafkaMessage[], selection: Selection): Promise<readonly Concern[]> {
    const { accountField, subjectFields } = this.#entity;
    const pass = this.#deps.records.pass();
    const concerns: Concern[] = [];
    for (const { value, headers } of messages) {
      const isDone = headers[protectionHeader]?.toString('utf8') === this.#digest;
      const content = value === null || isDone ? null : await pass.read(value, headers);
      if (content === null) concerns.push(false);
      else if (!content.ok) concerns.push(content.fault);
      else concerns.push(matches(selection, recordKeys(content.record, accountField, subjectFields), null));
    }
    return concerns;
  }

  /** What another plan has protected may hold tokens. */
  #mayBeDone(message: KafkaMessage | undefined): boolean {
    return !this.#isOnceOnly || message?.headers[protectionHeader] === undefined;
  }
}
