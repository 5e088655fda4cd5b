import { LinewardError } from '../errors/lineward-error.ts';

/** Relay's arguments of a list. */
export interface PageRequest {
  readonly first?: number | undefined;
  readonly after?: string | undefined;
  readonly last?: number | undefined;
  readonly before?: string | undefined;
}

/** One page of a list, in list order. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  cursorOf(item: T): string;
  /** Items in the whole list under the same filter; asked only when a client selects it. */
  totalCount(): Promise<number>;
}

const pageSizeDefault = 50;
const pageSizeMax = 100;

/** Size and direction of a page. `scope` names list, filter and order: a cursor of another scope is refused. */
export interface PageWindow {
  readonly size: number;
  readonly backwards: boolean;
  /** Sort keys after which (before which, when backwards) the page starts. */
  readonly from: readonly string[] | null;
  /** Sort keys at the other end, when both ends were given. */
  readonly until: readonly string[] | null;
}

function sizeOf(value: number | undefined, name: string): number {
  const size = value ?? pageSizeDefault;
  if (Number.isInteger(size) && size >= 0 && size <= pageSizeMax) return size;
  throw new LinewardError('BAD_INPUT', `${name} must be between 0 and ${pageSizeMax}`, { path: [name] });
}

/**
 * Reads Relay arguments; `areKeys` says whether the sort keys of a cursor are of the list's kind.
 * @throws LinewardError BAD_INPUT for a wrong size, BAD_CURSOR for a cursor of another list.
 */
export function pageWindow(
  request: PageRequest,
  scope: string,
  areKeys: (keys: readonly string[]) => boolean,
): PageWindow {
  if (request.first !== undefined && request.last !== undefined) {
    throw new LinewardError('BAD_INPUT', 'give either first or last, not both', { path: ['last'] });
  }
  const backwards = request.last !== undefined;
  const keysOf = (name: 'after' | 'before'): readonly string[] | null => {
    const cursor = request[name];
    if (cursor === undefined) return null;
    const keys = readCursor(cursor, scope);
    if (keys !== null && areKeys(keys)) return keys;
    throw new LinewardError('BAD_CURSOR', `${name}: the cursor does not belong to this list, filter and order`, {
      path: [name],
    });
  };
  const [after, before] = [keysOf('after'), keysOf('before')];
  return {
    size: backwards ? sizeOf(request.last, 'last') : sizeOf(request.first, 'first'),
    backwards,
    from: backwards ? before : after,
    until: backwards ? after : before,
  };
}

/** One page of a list that is in memory, by a text that no two items share. */
export function pageOf<T>(
  items: readonly T[],
  request: PageRequest,
  { scope, keyOf }: { readonly scope: string; readonly keyOf: (item: T) => string },
): Page<T> {
  const window = pageWindow(request, scope, (keys) => keys.length === 1);
  const [after, before] = window.backwards ? [window.until, window.from] : [window.from, window.until];
  const [least, most] = [after?.[0], before?.[0]];
  const sorted = [...items].sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
  const within = sorted.filter((item) => {
    const key = keyOf(item);
    return (least === undefined || key > least) && (most === undefined || key < most);
  });
  const kept = window.backwards ? within.slice(Math.max(0, within.length - window.size)) : within.slice(0, window.size);
  const more = within.length > kept.length;
  return {
    items: kept,
    hasNextPage: window.backwards ? before !== null : more,
    hasPreviousPage: window.backwards ? more : after !== null,
    cursorOf: (item) => writeCursor(scope, [keyOf(item)]),
    totalCount: async () => items.length,
  };
}

/** An opaque cursor: scope and sort keys of one item. */
export function writeCursor(scope: string, keys: readonly string[]): string {
  return Buffer.from(JSON.stringify([scope, ...keys])).toString('base64url');
}

function readCursor(cursor: string, scope: string): readonly string[] | null {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (!Array.isArray(parts) || parts[0] !== scope || !parts.every((part) => typeof part === 'string')) return null;
    return parts.slice(1);
  } catch {
    return null;
  }
}
