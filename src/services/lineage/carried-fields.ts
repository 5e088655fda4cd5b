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
 * Fields whose values may be in those of each group, themselves included, also by what they are parts of and by their parts: tools
 * tell lineage of the whole where people label the part, and the other way about.
 */
export async function carriedFromAll(
  sql: Statements,
  graph: EdgeGraph,
  groups: readonly (readonly number[])[],
): Promise<readonly ReadonlySet<number>[]> {
  const kinOf = new Map<number, number[]>();
  // Kin lead on to what they come from, which has kin of its own.
  for (;;) {
    const carried = groups.map((fields) => carriedFrom(graph, fields, (one) => kinOf.get(one) ?? []));
    const asked = [...new Set(carried.flatMap((from) => [...from]))].filter((field) => !kinOf.has(field));
    if (asked.length === 0) return carried;
    for (const field of asked) kinOf.set(field, []);
    const rows = await sql.execute<{ number: number; kin: number }[]>(kinSql, [numberArray(asked)]);
    for (const { number, kin } of rows) kinOf.get(number)?.push(kin);
  }
}
