import type { EdgeGraph } from '../../domain/lineage/edge-graph.ts';
import { carriedFrom } from '../../domain/lineage/propagation.ts';
import { numberArray, type Statements } from '../sql.ts';

// Paths go on behind a whole with a member, an element or a key.
const isPart = (part: string, whole: string): string =>
  `starts_with(${part}.path, ${whole}.path) and substr(${part}.path, length(${whole}.path) + 1, 1) in ('.', '[', '{')`;

const kinSql = `
  select field.number, kin.number as kin from dataset_field field join dataset_field kin using (dataset_id)
  where field.number = any(?::int[]) and (${isPart('kin', 'field')} or ${isPart('field', 'kin')})`;

/**
 * What fields are parts of, and what are their parts, for all fields that values of some may come from: tools tell lineage of
 * the whole where people label the part, and the other way about.
 */
export async function kinAround(
  sql: Statements,
  graph: EdgeGraph,
  fields: readonly number[],
): Promise<ReadonlyMap<number, readonly number[]>> {
  const known = new Map<number, number[]>();
  // Kin lead on to what they come from, which has kin of its own.
  for (;;) {
    const reached = new Set(fields.flatMap((field) => [...carriedFrom(graph, field, (one) => known.get(one) ?? [])]));
    const asked = [...reached].filter((field) => !known.has(field));
    if (asked.length === 0) return known;
    for (const field of asked) known.set(field, []);
    const rows = await sql.execute<{ number: number; kin: number }[]>(kinSql, [numberArray(asked)]);
    for (const { number, kin } of rows) known.get(number)?.push(kin);
  }
}
