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
  readonly numbered: string;
  /** Names of the values of `numbered`. */
  readonly names: readonly string[];
  /** The statement with `?` for each value, and the name of each. */
  readonly text: string;
  readonly mentions: readonly string[];
}

export type StatementValues = Readonly<Record<string, string | null>>;

/** `:name`, but not the type after `::`. */
const valuePattern = /(?<!:):([a-z_]+)/g;

/** A statement to be prepared under a name that nothing else has; `:name` stands for a value, anywhere and any number of times. */
export function prepared(name: string, text: string): PreparedStatement {
  const mentions = [...text.matchAll(valuePattern)].map(([, value = '']) => value);
  const names = [...new Set(mentions)];
  const numbered = text.replaceAll(valuePattern, (_, value: string) => `$${names.indexOf(value) + 1}`);
  return { name: `lineward_${name}`, numbered, names, text: text.replaceAll(valuePattern, '?'), mentions };
}

/**
 * Executes a statement by its kept plan, as a transaction of its own. Within a transaction the ORM has the connection, and
 * knows no names of statements: there it is planned anew.
 */
export async function executePrepared(
  em: EntityManager,
  { name, numbered, names, text, mentions }: PreparedStatement,
  values: StatementValues,
): Promise<readonly unknown[]> {
  const of = (value: string): string | null => values[value] ?? null;
  if (em.isInTransaction()) return em.execute(text, mentions.map(of));
  const pool = await em.getConnection().getNativeClient();
  try {
    return (await pool.query({ name, text: numbered, values: names.map(of) })).rows;
  } catch (error) {
    throw error instanceof Error ? em.getDriver().convertException(error) : error;
  }
}
