import { LinewardError } from '../../errors/lineward-error.ts';
import type { SqlFragment } from '../keyset-page.ts';
import { textArray } from '../sql.ts';

/** Which datasets of an answer are shown; what is absent does not narrow. */
export interface DatasetFilter {
  readonly namespaces?: readonly string[] | undefined;
  /** Namespaces up to their first colon, e.g. `kafka`, `s3`. */
  readonly platforms?: readonly string[] | undefined;
  readonly nameContains?: string | undefined;
}

const valuesMax = 100;

/** Platform of a dataset: `kafka` of `kafka://broker:9092`. */
export const platformColumn = `split_part(namespace, ':', 1)`;

/** @throws LinewardError BAD_INPUT for more values than a filter may have. */
export function assertFilterSize(path: readonly string[], values: readonly string[]): void {
  if (values.length <= valuesMax) return;
  throw new LinewardError('BAD_INPUT', `${path.join('.')}: at most ${valuesMax} values`, { path });
}

/** A condition on rows of `dataset`. @throws LinewardError BAD_INPUT */
export function datasetCondition({ namespaces, platforms, nameContains }: DatasetFilter): SqlFragment {
  assertFilterSize(['filter', 'namespaces'], namespaces ?? []);
  assertFilterSize(['filter', 'platforms'], platforms ?? []);
  const parts: SqlFragment[] = [];
  if (namespaces != null) parts.push({ sql: 'namespace = any(?::text[])', params: [textArray(namespaces)] });
  if (platforms != null) parts.push({ sql: `${platformColumn} = any(?::text[])`, params: [textArray(platforms)] });
  if (nameContains != null) parts.push({ sql: 'strpos(lower(name), lower(?)) > 0', params: [nameContains] });
  return { sql: parts.map(({ sql }) => sql).join(' and ') || 'true', params: parts.flatMap(({ params }) => params) };
}
