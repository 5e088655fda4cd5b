import { printExactJson } from '../../domain/exact-json.ts';
import type { RecordContent } from '../../domain/kafka/record-content.ts';
import { isKeyFault } from '../../domain/privacy/key-fault.ts';
import type { ProtectionPlan } from '../../domain/privacy/protection-plan.ts';
import { originColumn } from '../../domain/transform/transform-plan.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { KafkaMessage } from '../kafka/ports.ts';
import type { RecordPass, RecordReader } from '../kafka/record-reader.ts';
import type { ProtectionService } from '../privacy/protection.service.ts';
import type { ErasedSubjects } from './erased-subjects.ts';
import type { RejectCode } from './ports.ts';

/** Longest line that the engine reads. */
const lineCharsMax = 4 * 1024 * 1024;

export interface SourceRecordsDeps {
  readonly records: RecordReader;
  readonly protection: Pick<ProtectionService, 'protectTexts'>;
  readonly erased: Pick<ErasedSubjects, 'among'>;
  /** What the policies in force do to each record before anything of it is written; null where nothing is asked for. */
  readonly plan: ProtectionPlan | null;
  /** Envelopes that records of files have already stay as they are. */
  readonly keepSealed?: boolean;
}

/** What came of some messages. */
export interface ReadLines {
  readonly lines: readonly string[];
  readonly read: number;
  readonly suppressed: number;
  /** By why; places as `<partition>:<offset>`. */
  readonly rejected: ReadonlyMap<RejectCode, readonly string[]>;
}

interface Taken {
  readonly message: KafkaMessage;
  readonly record: RecordContent;
  readonly text: string;
}

/** Makes lines for the engine of the messages of a topic: read, without those who were erased, and protected if that is asked for. */
export class SourceRecords {
  readonly #deps: SourceRecordsDeps;
  readonly #pass: RecordPass;

  constructor(deps: SourceRecordsDeps) {
    this.#deps = deps;
    this.#pass = deps.records.pass();
  }

  /** @throws LinewardError KEY_UNAVAILABLE and the like while a key cannot be had */
  async lines(messages: readonly KafkaMessage[]): Promise<ReadLines> {
    const rejected = new Map<RejectCode, string[]>();
    const reject = (code: RejectCode, message: KafkaMessage): void => {
      rejected.set(code, [...(rejected.get(code) ?? []), placeOf(message)]);
    };
    const valued = messages.filter(({ value }) => value !== null);
    const read = await this.#read(valued, reject);
    const gone = await this.#deps.erased.among(
      read.map(({ record, message }) => ({ record, at: Number(message.timestamp) })),
    );
    const kept = read.filter((_, index) => gone[index] !== true);
    const lines = (await this.#protect(kept, reject)).flatMap(({ message, text }) => {
      if (isWritable(text)) return [lineOf(message, text)];
      reject('VALUE_INVALID', message);
      return [];
    });
    return { lines, read: valued.length, suppressed: read.length - kept.length, rejected };
  }

  async #read(
    messages: readonly KafkaMessage[],
    reject: (code: RejectCode, message: KafkaMessage) => void,
  ): Promise<readonly Taken[]> {
    const taken: Taken[] = [];
    for (const message of messages) {
      const { value, headers } = message;
      const answer = value === null ? null : await this.#pass.read(value, headers);
      if (answer?.ok === true)
        taken.push({ message, record: answer.record, text: printExactJson(answer.record) ?? '{}' });
      else reject('UNREADABLE', message);
    }
    return taken;
  }

  async #protect(
    taken: readonly Taken[],
    reject: (code: RejectCode, message: KafkaMessage) => void,
  ): Promise<readonly Taken[]> {
    const { plan, protection, keepSealed = false } = this.#deps;
    if (plan === null) return taken;
    const answers = await protection.protectTexts(plan, taken, { keepSealed });
    return taken.flatMap((one, index) => {
      const answer = answers[index];
      if (answer?.ok === true) return [{ ...one, text: answer.text }];
      if (answer !== undefined && isKeyFault(answer.code)) throw new LinewardError(answer.code);
      reject('PROTECTION_FAILED', one.message);
      return [];
    });
  }
}

const placeOf = ({ partition, offset }: Pick<KafkaMessage, 'partition' | 'offset'>): string => `${partition}:${offset}`;

/** Escapes of U+0000 and of halves of surrogate pairs are JSON, and no text that a table takes. */
function isWritable(text: string): boolean {
  if (text.length > lineCharsMax) return false;
  const suspicious = /\\u(?:d[89a-f]|0000)/iu;
  return !suspicious.test(text) || !suspicious.test(text.replaceAll('\\\\', ''));
}

function lineOf(message: KafkaMessage, text: string): string {
  const origin = `{"${originColumn}":"${placeOf(message)}"`;
  return text === '{}' ? `${origin}}` : `${origin},${text.slice(1)}`;
}
