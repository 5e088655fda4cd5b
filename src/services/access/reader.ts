import { AsyncLocalStorage } from 'node:async_hooks';
import type { Actor } from '../../domain/access/actor.ts';
import type { Statement } from './ports.ts';

/** Somebody from whom policies keep some things: what a statement is to such a reader. */
export interface Reader {
  readonly actor: Actor;
  see(statement: Statement): Statement | Promise<Statement>;
  /** The same object as long as nothing has changed of what is kept. */
  mark(): object;
  /** Whether anything is kept from them. */
  isNarrowed(): boolean;
}

interface Reading {
  readonly reader: Reader | null;
  /** Whether what is read is an answer, which takes its time from all others who ask. */
  readonly isAnswer: boolean;
  /** Whose answer; null where nobody is known. */
  readonly asker: string | null;
}

/**
 * Who reads, for all that one request does. It goes with the request by itself, so that no question can be asked that forgot to
 * bring it; work that nobody waits for, and what all share, is read by nobody, and whole. See ADR 0037.
 */
const readings = new AsyncLocalStorage<Reading>();
const whole: Reading = { reader: null, isAnswer: false, asker: null };

export function readAs<T>(reader: Reader | null, work: () => T): T {
  return readings.run({ ...(readings.getStore() ?? whole), reader }, work);
}

/**
 * As {@link readAs}, for an answer to `asker`, who is an actor's id: its statements are ended where they take longer than those of
 * answers may, and share connections with the asker's others. See ADR 0053.
 */
export function answerAs<T>(reader: Reader | null, asker: string | null, work: () => T): T {
  return readings.run({ reader, isAnswer: true, asker }, work);
}

/** Does what must know everything, whoever asked for it, and takes the time it takes: changes, checks, and what is kept for all. */
export function readWhole<T>(work: () => T): T {
  return readings.run(whole, work);
}

/** Whether statements are those of an answer. */
export function isAnswering(): boolean {
  return readings.getStore()?.isAnswer ?? false;
}

/** The id of the actor whose answer is read, where one is known. */
export function asker(): string | null {
  return readings.getStore()?.asker ?? null;
}

/** Who reads, where something may be kept from them. */
export function readingActor(): Actor | null {
  return readings.getStore()?.reader?.actor ?? null;
}

/** Whether anything is kept from whoever reads: what is ready for all is not for them. */
export function isViewNarrowed(): boolean {
  return readings.getStore()?.reader?.isNarrowed() ?? false;
}

/** The same as long as whoever reads may see the same: what was read ahead under another mark has to be read again. */
export function viewMark(): object | null {
  return readings.getStore()?.reader?.mark() ?? null;
}

/** The statement as whoever reads may have it answered. */
export function seen(statement: Statement): Statement | Promise<Statement> {
  return readings.getStore()?.reader?.see(statement) ?? statement;
}

/** What is read bit by bit, later: by who reads now. */
export function readOn<T>(source: AsyncGenerator<T>): AsyncIterableIterator<T> {
  const inPlace = AsyncLocalStorage.snapshot();
  return {
    next: () => inPlace(() => source.next()),
    return: () => inPlace(() => source.return(undefined)),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
