import { stringify } from 'csv-stringify/sync';
import type { LakeReadColumn, LakeRow, LakeValue } from '../../packages/lake-client/src/index.ts';
import { printExactJson } from '../domain/exact-json.ts';

export const textFormats = ['ndjson', 'csv', 'table'] as const;
export type TextFormat = (typeof textFormats)[number];

/** Rows by which the columns of a table get their widths: those of later ones may be wider, so that no number of rows is kept. */
const measuredRows = 100;
const cellCharsMax = 60;

/** The text of rows, row by row. */
export function printedRows(
  format: TextFormat,
  columns: readonly Pick<LakeReadColumn, 'name'>[],
  rows: AsyncIterable<LakeRow>,
): AsyncIterable<string> {
  const names = columns.map(({ name }) => name);
  if (format === 'table') return tableLines(names, rows);
  return format === 'csv' ? csvLines(names, rows) : jsonLines(rows);
}

async function* jsonLines(rows: AsyncIterable<LakeRow>): AsyncGenerator<string> {
  for await (const row of rows) {
    const values = Object.entries(row).map(([name, value]) => [name, isPlain(value) ? value : textOf(value)]);
    yield `${printExactJson(Object.fromEntries(values))}\n`;
  }
}

/** JSON has it. */
const isPlain = (value: LakeValue): boolean =>
  !(value instanceof Uint8Array) && !(typeof value === 'number' && !Number.isFinite(value));

async function* csvLines(names: readonly string[], rows: AsyncIterable<LakeRow>): AsyncGenerator<string> {
  yield stringify([[...names]]);
  for await (const row of rows) yield stringify([names.map((name) => textOf(row[name] ?? null))]);
}

async function* tableLines(names: readonly string[], rows: AsyncIterable<LakeRow>): AsyncGenerator<string> {
  const measured: (readonly string[])[] = [names];
  let widths: readonly number[] | null = null;
  const lineOf = (cells: readonly string[], by: readonly number[]): string =>
    `${cells
      .map((cell, index) => cell.padEnd(by[index] ?? 0))
      .join('  ')
      .trimEnd()}\n`;
  const head = function* (): Generator<string> {
    const found = names.map((_, index) => Math.max(...measured.map((cells) => cells[index]?.length ?? 0)));
    widths = found;
    for (const cells of measured) yield lineOf(cells, found);
  };
  for await (const row of rows) {
    const cells = names.map((name) => cellOf(textOf(row[name] ?? null)));
    if (widths !== null) yield lineOf(cells, widths);
    else if (measured.push(cells) > measuredRows) yield* head();
  }
  if (widths === null) yield* head();
}

/** A cell is one line, and shows what a terminal would obey. */
function cellOf(text: string): string {
  const shown = text.replaceAll(/\p{Cc}/gu, ' ');
  return shown.length <= cellCharsMax ? shown : `${shown.slice(0, cellCharsMax - 1)}…`;
}

function textOf(value: LakeValue): string {
  if (value === null) return '';
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return typeof value === 'object' ? (printExactJson(value) ?? '') : String(value);
}
