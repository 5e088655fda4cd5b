import type { EntityManager } from '@mikro-orm/postgresql';

/**
 * A PostgreSQL array literal for `any(?::text[])`. The ORM would spread a JavaScript array into a list, which has no form
 * when it is empty.
 */
export function textArray(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`;
}

/** A statement that is planned once for each connection. */
export interface PreparedStatement {
  readonly name: string;
  readonly text: string;
  readonly numbered: string;
}

/** A statement to be prepared under a name that nothing else has; `?` stands for each value. */
export function prepared(name: string, text: string): PreparedStatement {
  let values = 0;
  const numbered = text.replaceAll('?', () => {
    values += 1;
    return `$${values}`;
  });
  return { name: `lineward_${name}`, text, numbered };
}

/**
 * Executes a statement by its kept plan, as a transaction of its own. Within a transaction the ORM has the connection, and
 * knows no names of statements: there it is planned anew.
 */
export async function executePrepared(
  em: EntityManager,
  { name, text, numbered }: PreparedStatement,
  values: readonly (string | null)[],
): Promise<readonly unknown[]> {
  if (em.isInTransaction()) return em.execute(text, [...values]);
  const pool = await em.getConnection().getNativeClient();
  try {
    return (await pool.query({ name, text: numbered, values: [...values] })).rows;
  } catch (error) {
    throw error instanceof Error ? em.getDriver().convertException(error) : error;
  }
}
