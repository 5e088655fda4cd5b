import type { Pool } from 'pg';
import { shareOut } from './answer-shares.ts';

interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** How what is read is read. */
export interface Reading {
  /** What becomes of a statement before it is executed. */
  view(statement: Statement): Statement | Promise<Statement>;
  /** Whether a statement outside of transactions is that of an answer. */
  isAnswering(): boolean;
  /** Whose answer it is; null where that is not known. */
  asker(): string | null;
  /** Longest time of such a statement, milliseconds; 0 for any. */
  readonly answerMs: number;
}

/**
 * Connections of a process: those of answers are apart, so that neither they nor the work behind keep the others waiting, and
 * one actor's questions never have all of them.
 */
export const connectionsMax = { work: 20, answers: 10, answersOfActor: 8 };

/** To the ORM it is a replica, and nothing is read from those by itself. */
export const answersPool = ({ answerMs, asker }: Reading) => ({
  // Of a replica's own pool the ORM takes nothing.
  driverOptions: {
    ...{ max: connectionsMax.answers, statement_timeout: answerMs, connectionTimeoutMillis: answerMs },
    onPoolCreated: (pool: Pool) => shareOut(pool, { most: connectionsMax.answersOfActor, timeoutMs: answerMs, asker }),
  },
});

/** As the ORM has it. */
interface Connection {
  execute(...given: never[]): unknown;
}
type Execute = (query: unknown, values?: unknown[], method?: unknown, tx?: unknown, ...rest: unknown[]) => never;

/** Has each statement looked at before it is executed, and those of answers executed on their own connections. */
export function lookThrough(
  { work, answers }: { readonly work: Connection; readonly answers: Connection },
  { view, isAnswering }: Reading,
): void {
  const [onWork, onAnswers] = [work.execute.bind(work) as Execute, answers.execute.bind(answers) as Execute];
  const through = async (
    query: unknown,
    values: unknown[] = [],
    method?: unknown,
    tx?: unknown,
    ...rest: unknown[]
  ) => {
    const execute = tx === undefined && isAnswering() ? onAnswers : onWork;
    if (typeof query !== 'string') return execute(query, values, method, tx, ...rest);
    const seen = await view({ text: query, values });
    return execute(seen.text, [...seen.values], method, tx, ...rest);
  };
  work.execute = through as typeof work.execute;
}
