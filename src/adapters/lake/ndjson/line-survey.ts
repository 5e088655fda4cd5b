import { createHash } from 'node:crypto';
import { isGzipped } from '../../../domain/lake/file-format.ts';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { ProfileResult } from '../../../services/lake/ports.ts';
import { reasonOf } from '../duckdb/duckdb-failure.ts';
import { noKeyColumn, refused, unreadable } from '../records/record-failure.ts';
import type { RecordSurvey } from '../records/record-format.ts';
import { LineKeys, withoutMark } from './line-keys.ts';
import { spelt, unspelt, visitMembers } from './line-members.ts';
import { readLines } from './line-stream.ts';

/** More names than that are no columns but data. */
const columnsMax = 10_000;

/** Reads a whole file: how many records it has, which columns with values of which kinds, and what its keys are refused for. */
export async function surveyLines(
  path: string,
  keyColumns: readonly string[],
  onBytes?: (bytes: Buffer) => void,
): Promise<RecordSurvey> {
  const columns = new Map<string, Set<string>>();
  const keys = new KeyCheck(path, keyColumns);
  let [rows, number] = [0, 0];
  for await (const lines of readLines(path, isGzipped(path), onBytes))
    for (const given of lines) {
      number += 1;
      const line = number === 1 ? withoutMark(given) : given;
      const read = visitMembers(line, ({ name, start, end }) => {
        const kinds = columns.get(name) ?? new Set();
        if (kinds.size === 0) columns.set(name, kinds);
        kinds.add(kindOf(line, start, end));
      });
      if (typeof read === 'string') throw unreadable(path, `line ${number} ${read}`);
      if (columns.size > columnsMax) throw refused(path, `it has more than ${columnsMax} names of columns`);
      if (read) rows += 1;
      keys.read(given);
    }
  return {
    rows,
    codec: isGzipped(path) ? 'gzip' : 'uncompressed',
    columns: [...columns].map(([name, kinds]) => ({ name: unspelt(name), type: typeOf(kinds) })),
    refusals: keys.end(columns, rows),
  };
}

/** What a file tells of itself, its digest for want of metadata. Every value crosses as the JSON that it is. */
export async function profileLines(path: string): Promise<ProfileResult> {
  const digest = createHash('sha256');
  const { rows, columns } = await surveyLines(path, [], (bytes) => digest.update(bytes));
  const named = columns.map(({ name }) => ({ name, form: 'JSON' as const }));
  return { rows, columns: named, metadata: {}, contentSha256: digest.digest('hex') };
}

/** Looks at the keys of each line until one cannot be a key. */
class KeyCheck {
  readonly #asked: readonly string[];
  readonly #reader: LineKeys;
  #reason: string | null = null;

  constructor(path: string, asked: readonly string[]) {
    this.#asked = asked;
    this.#reader = new LineKeys(path, { keys: asked, date: null });
  }

  read(line: Buffer): void {
    if (this.#reason !== null || this.#asked.length === 0) return;
    try {
      this.#reader.read(line);
    } catch (error) {
      if (!(error instanceof LinewardError) || error.code !== 'LAKE_TABLE_REFUSED') throw error;
      this.#reason = reasonOf(error);
    }
  }

  end(columns: ReadonlyMap<string, unknown>, rows: number): readonly string[] {
    if (this.#reason !== null) return [this.#reason];
    const [account] = this.#asked;
    return account === undefined || rows === 0 || columns.has(spelt(account)) ? [] : [noKeyColumn(account)];
  }
}

/** What one value is, by the name that DuckDB has for columns of such values. */
function kindOf(line: Buffer, start: number, end: number): string {
  switch (String.fromCharCode(line[start] ?? 0)) {
    case '"':
      return 'VARCHAR';
    case 'n':
      return 'NULL';
    case 't':
    case 'f':
      return 'BOOLEAN';
    case '{':
    case '[':
      return 'NESTED';
    default:
      return /^-?\d+$/u.test(line.toString('latin1', start, end)) ? 'BIGINT' : 'DOUBLE';
  }
}

function typeOf(kinds: ReadonlySet<string>): string {
  const [kind = 'VARCHAR', ...others] = [...kinds].filter((one) => one !== 'NULL');
  if (others.length === 0) return kind;
  if ([kind, ...others].every((one) => one === 'BIGINT' || one === 'DOUBLE')) return 'DOUBLE';
  // Text holds whatever can be a key.
  return [kind, ...others].includes('NESTED') ? 'JSON' : 'VARCHAR';
}
