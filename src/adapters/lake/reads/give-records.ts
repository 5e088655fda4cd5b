import { maskOf, readFormOf } from '../../../domain/lake-reads/read-column.ts';
import type { RowsRequest } from '../../../services/lake-reads/ports.ts';
import { reading } from '../duckdb/duckdb-failure.ts';
import type { RecordFormat } from '../records/record-format.ts';
import { dayNumber, type KeyedRecord } from '../records/row-judge.ts';

/** JSON of a value, by the text that a record has of it and the type that its column is read as. */
export type RecordForm = (text: string, type: string) => string;

/** Ends a walk that has given all that was asked for. */
const enough = Symbol('as many rows as were asked for');

/**
 * Rows of a file that is read record by record. `forms` has the fields of a format whose records all have the same; without
 * it texts are JSON, and any member may be there.
 */
export async function giveRecords(
  format: RecordFormat,
  { path, columns, days, rowsMax }: RowsRequest,
  to: { add(row: string): Promise<void> },
  forms: ReadonlyMap<string, RecordForm> | null = null,
): Promise<void> {
  if (rowsMax === 0 || (days !== null && forms?.has(days.column) === false)) return;
  const read = columns.filter(({ name, masked }) => !masked && forms?.has(name) !== false);
  const places = columns.map((column) => read.indexOf(column));
  const value = (index: number, texts: readonly (string | null)[]): string => {
    const column = columns[index];
    if (column === undefined) return 'null';
    if (column.masked) return JSON.stringify(maskOf(column.type));
    const text = texts[places[index] ?? -1] ?? null;
    return text === null ? 'null' : asked(column.type, forms?.get(column.name)?.(text, column.type) ?? text);
  };
  let left = rowsMax ?? Number.POSITIVE_INFINITY;
  const asking = { path, asked: { keys: [], date: days?.column ?? null }, valued: read.map(({ name }) => name) };
  try {
    await reading(path, () =>
      format.walk(asking, async (piece) => {
        for (const [index, record] of piece.records.entries()) {
          if (!isOfDays(record, days)) continue;
          const texts = piece.textsAt(index);
          await to.add(`[${columns.map((_, place) => value(place, texts)).join(',')}]`);
          left -= 1;
          if (left === 0) throw enough;
        }
      }),
    );
  } catch (error) {
    if (left > 0) throw error;
  }
}

function isOfDays({ day }: KeyedRecord, days: RowsRequest['days']): boolean {
  if (days === null) return true;
  const { from, to } = days.range;
  return day !== null && (from === null || day >= dayNumber(from)) && (to === null || day < dayNumber(to));
}

/** A value that the file has as JSON, in the form that its column is answered in. */
function asked(type: string, json: string): string {
  const isText = json.startsWith('"');
  switch (readFormOf(type)) {
    case 'TEXT':
    case 'EXACT':
    case 'BYTES':
      return isText ? json : JSON.stringify(json);
    default:
      return json;
  }
}
