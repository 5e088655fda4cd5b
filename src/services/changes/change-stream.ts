import type { Change } from '../../domain/changes/change.ts';
import { viewMark } from '../access/reader.ts';
import type { ChangeFeed, ChangeTypes } from './change-feed.read-model.ts';

const pageSize = 200;

/**
 * The changes behind a place, and then each new one, for ever. Notices only say when to look: what is told are the rows
 * behind the last one told, so that a lost notice costs time, and nothing is told twice.
 */
export class ChangeStream implements AsyncIterableIterator<Change> {
  readonly #feed: Pick<ChangeFeed, 'changesIn'>;
  readonly #notices: AsyncIterableIterator<void>;
  readonly #types: ChangeTypes;
  #after: number;
  #waiting: Change[] = [];
  #mark: object | null = null;

  constructor(deps: {
    readonly feed: Pick<ChangeFeed, 'changesIn'>;
    readonly notices: AsyncIterableIterator<void>;
    readonly types: ChangeTypes;
    readonly after: number;
  }) {
    this.#feed = deps.feed;
    this.#notices = deps.notices;
    this.#types = deps.types;
    this.#after = deps.after;
  }

  async next(): Promise<IteratorResult<Change>> {
    for (;;) {
      // What was read ahead may by now be kept from who follows.
      if (this.#mark !== viewMark()) this.#waiting = [];
      const change = this.#waiting.shift();
      if (change !== undefined) {
        this.#after = change.seq;
        return { value: change, done: false };
      }
      this.#mark = viewMark();
      const found = await this.#feed.changesIn(this.#types, { after: this.#after, limit: pageSize });
      this.#waiting = [...found];
      if (found.length > 0) continue;
      const { done } = await this.#notices.next();
      if (done === true) return { value: undefined, done: true };
    }
  }

  async return(): Promise<IteratorResult<Change>> {
    await this.#notices.return?.();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Change> {
    return this;
  }
}
