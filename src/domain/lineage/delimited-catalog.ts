import { LinewardError } from '../../errors/lineward-error.ts';
import type { CatalogLineInput } from './catalog-line.ts';

export const delimitedColumns = ['namespace', 'dataset', 'field', 'type', 'documentation', 'owners', 'tags'] as const;
export type DelimitedRow = Readonly<Partial<Record<(typeof delimitedColumns)[number], string>>>;

/** Most datasets of one file: all of them are in memory, because their rows may stand anywhere. */
const datasetsMax = 100_000;

interface Gathered {
  readonly dataset: { readonly namespace: string; readonly name: string };
  readonly fields: Extract<CatalogLineInput, { dataset: unknown }>['fields'] & object;
  documentation?: string;
  owners?: string[];
  tags?: string[];
}

/**
 * Rows of a table of fields as lines of an import. A row with `field` is one of the fields of its dataset; one without is about
 * the dataset itself. Owners and tags are parted by `;`. A column that the file has not says nothing; an empty cell says that
 * there is nothing.
 * @throws LinewardError BAD_INPUT with the number of the row, LIMIT_EXCEEDED
 */
export async function* delimitedLines(rows: AsyncIterable<DelimitedRow>): AsyncGenerator<CatalogLineInput> {
  const datasets = new Map<string, Gathered>();
  let number = 1;
  for await (const row of rows) {
    number += 1;
    const { namespace = '', dataset: name = '', field = '' } = row;
    for (const [part, value] of Object.entries({ namespace, dataset: name }))
      if (value === '')
        throw new LinewardError('BAD_INPUT', `row ${number}: ${part} is empty`, { path: [String(number), part] });
    const key = `${namespace}\0${name}`;
    const known = datasets.get(key) ?? { dataset: { namespace, name }, fields: [] };
    datasets.set(key, known);
    if (datasets.size > datasetsMax)
      throw new LinewardError('LIMIT_EXCEEDED', `row ${number}: at most ${datasetsMax} datasets in one file`);
    if (field === '') Object.assign(known, said(row));
    else
      known.fields.push({
        name: field,
        ...(row.type === undefined ? {} : { type: row.type || null }),
        ...said(row, ['documentation', 'tags']),
      });
  }
  for (const { fields, ...dataset } of datasets.values()) yield fields.length === 0 ? dataset : { ...dataset, fields };
}

type Part = 'documentation' | 'owners' | 'tags';

function said(row: DelimitedRow, parts: readonly Part[] = ['documentation', 'owners', 'tags']): object {
  return Object.fromEntries(
    parts.flatMap((part) => {
      const value = row[part];
      if (value === undefined) return [];
      return [[part, part === 'documentation' ? value || null : words(value)]];
    }),
  );
}

const words = (cell: string): readonly string[] =>
  cell
    .split(';')
    .map((word) => word.trim())
    .filter((word) => word !== '');
