import type { Change } from '../../domain/changes/change.ts';
import type { ChangeFeed, ChangeTypes } from './change-feed.read-model.ts';
import { ChangeStream } from './change-stream.ts';
import type { ChangeNotices } from './ports.ts';

/** Lets clients follow the feed. */
export class ChangeFollowers {
  readonly #feed: ChangeFeed;
  readonly #notices: ChangeNotices;

  constructor(deps: { readonly changes: ChangeFeed; readonly changeNotices: ChangeNotices }) {
    this.#feed = deps.changes;
    this.#notices = deps.changeNotices;
  }

  /** What is changed behind a place, or from now on. @throws LinewardError BAD_CURSOR */
  async follow(types: ChangeTypes, cursor: string | null): Promise<AsyncIterableIterator<Change>> {
    const after = cursor === null ? await this.#feed.end() : await this.#feed.placeOf(cursor);
    return new ChangeStream({ feed: this.#feed, notices: this.#notices.notices(), types, after });
  }
}
