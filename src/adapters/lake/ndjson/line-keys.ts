import { isoDayOf } from '../../../domain/lake/table-location.ts';
import { noKeyColumn, refused, unreadable } from '../records/record-failure.ts';
import { type AskedColumns, dayNumber, type KeyedRecord } from '../records/row-judge.ts';
import { byteOrderMark, type Member, spelt, stringAt, unspelt, visitMembers } from './line-members.ts';

const [quote, letterN, letterT, letterF] = [34, 110, 116, 102];
/** Names of members that are remembered; there are as many as columns, unless names are data. */
const namesMax = 10_000;
/** A member of no interest, and one whose name differs from that of a key by case alone. */
const [stranger, twin] = [-1, -2];

/** Reads from lines of JSON what a judge asks for. Refuses what could be taken for a key, and be read in two ways. */
export class LineKeys {
  readonly #path: string;
  readonly #asked: AskedColumns;
  readonly #spelt: readonly string[];
  readonly #date: string | null;
  readonly #places = new Map<string, number>();
  #hasAccount = false;
  #lines = 0;
  #records = 0;

  constructor(path: string, asked: AskedColumns) {
    this.#path = path;
    this.#asked = asked;
    this.#spelt = asked.keys.map(spelt);
    this.#date = asked.date === null ? null : spelt(asked.date);
  }

  /** The next line; null for a blank one. */
  read(given: Buffer): KeyedRecord | null {
    this.#lines += 1;
    const line = this.#lines === 1 ? withoutMark(given) : given;
    const keys: (string | null)[] = this.#spelt.map(() => null);
    const found = new Set<number>();
    let day: number | null = null;
    let hasDate = false;
    const read = visitMembers(line, (member) => {
      if (member.name === this.#date) {
        if (hasDate) throw this.#twice(member.name);
        hasDate = true;
        day = dayIn(line, member);
      }
      const place = this.#placeOf(member.name);
      if (place === stranger) return;
      if (place === twin) throw this.#cased(member.name);
      if (found.has(place)) throw this.#twice(member.name);
      found.add(place);
      keys[place] = this.#keyIn(line, member);
      if (place === 0) this.#hasAccount = true;
    });
    if (typeof read === 'string') throw unreadable(this.#path, `line ${this.#lines} ${read}`);
    if (!read) return null;
    this.#records += 1;
    return { keys, day };
  }

  /**
   * @throws LinewardError LAKE_TABLE_REFUSED when no record has the first key, which names accounts: nobody could tell that from
   * another spelling of it. Writers leave out what is NULL, so that another key may be missing.
   */
  end(): void {
    const [column] = this.#asked.keys;
    if (this.#records > 0 && !this.#hasAccount && column !== undefined)
      throw refused(this.#path, noKeyColumn(column), column);
  }

  #placeOf(name: string): number {
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    const index = this.#spelt.indexOf(name);
    const folded = name.toLowerCase();
    const isTwin = index < 0 && this.#spelt.some((key) => key.toLowerCase() === folded);
    const place = isTwin ? twin : Math.max(index, stranger);
    if (this.#places.size < namesMax) this.#places.set(name, place);
    return place;
  }

  #keyIn(line: Buffer, member: Member): string | null {
    const { name, start, end } = member;
    const first = line[start];
    if (first === quote) return stringAt(line, member);
    const raw = line.toString('latin1', start, end);
    if (first === letterN) return null;
    // A number is a key only as the text that all writers give it.
    if (first === letterT || first === letterF || /^(?:0|-?[1-9]\d*)$/u.test(raw)) return raw;
    const column = unspelt(name);
    const reason = `its key column ${column} has in line ${this.#lines} a value that cannot be compared as text`;
    throw refused(this.#path, reason, column);
  }

  #twice(name: string): Error {
    const column = unspelt(name);
    const reason = `line ${this.#lines} has the column ${column} twice, and readers differ in which of them counts`;
    return refused(this.#path, reason, column);
  }

  #cased(name: string): Error {
    const column = unspelt(name);
    const reason = `line ${this.#lines} has a column ${column}, which differs from a key only by case`;
    return refused(this.#path, reason, column);
  }
}

/** A line without the mark with which a file may begin. */
export const withoutMark = (line: Buffer): Buffer => (hasMark(line) ? line.subarray(byteOrderMark.length) : line);

export const hasMark = (line: Buffer): boolean => byteOrderMark.equals(line.subarray(0, byteOrderMark.length));

function dayIn(line: Buffer, member: Member): number | null {
  const day = line[member.start] === quote ? isoDayOf(stringAt(line, member)) : null;
  return day === null ? null : dayNumber(day);
}
