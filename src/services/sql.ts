import type { EntityManager, PostgreSqlConnection } from '@mikro-orm/postgresql';
import { LinewardError } from '../errors/lineward-error.ts';
import { isAnswering, isViewNarrowed, seen } from './access/reader.ts';

/**
 * A PostgreSQL array literal for `any(?::text[])`. The ORM would spread a JavaScript array into a list, which has no form
 * when it is empty.
 */
export function textArray(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`;
}

/**
 * The same in the binary form of the protocol, for many and long texts: nothing is escaped here and read there letter by letter.
 * For statements whose values travel beside them.
 */
export function textArrayBytes(values: readonly string[]): Buffer {
  const lengths = values.map((value) => Buffer.byteLength(value));
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + 4 + length, 20));
  let at = 0;
  const number = (value: number) => {
    at = bytes.writeInt32BE(value, at);
  };
  // One dimension, no nulls, of type text, so many, from 1 on.
  for (const head of [1, 0, textType, values.length, 1]) number(head);
  for (const [index, value] of values.entries()) {
    number(lengths[index] ?? 0);
    at += bytes.write(value, at);
  }
  return bytes;
}

/** As PostgreSQL numbers it, in every database. */
const textType = 25;

/** The same of numbers, for `any(?::int[])`. */
export const numberArray = (values: Iterable<number>): string => `{${[...values].join(',')}}`;

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
 * knows no names of statements: there it is planned anew, as for readers from whom something may be kept.
 */
export async function executePrepared(
  em: EntityManager,
  { name, numbered, names, text, mentions }: PreparedStatement,
  values: StatementValues,
): Promise<readonly unknown[]> {
  const of = (value: string): string | null => values[value] ?? null;
  if (em.isInTransaction() || isViewNarrowed()) return em.execute(text, mentions.map(of));
  const pool = await poolOf(em);
  try {
    return (await pool.query({ name, text: numbered, values: names.map(of) })).rows;
  } catch (error) {
    throw error instanceof Error ? em.getDriver().convertException(error) : error;
  }
}

/** The connections on which statements outside of transactions are executed: those of answers have their time limited. */
export function poolOf(em: EntityManager): ReturnType<PostgreSqlConnection['getNativeClient']> {
  return em.getConnection(isAnswering() ? 'read' : 'write').getNativeClient();
}

/** What executes statements with a `?` for each value, such as an entity manager. */
export interface Statements {
  execute<Row extends object[]>(text: string, values?: unknown[]): Promise<Row>;
}

/**
 * A transaction whose values travel beside the statements. The ORM writes them into the text, letter by letter, which for
 * megabytes of JSON takes longer than the database does.
 *
 * `without` keeps the planner from a way that only pays for few rows: a first large batch is planned by statistics of tables that
 * were as good as empty, and would read whole tables (`seqscan`) or loop over them (`nestloop`) once for each of its rows.
 */
export async function nativeTransaction<Answer>(
  em: EntityManager,
  work: (tx: Statements) => Promise<Answer>,
  { without }: { readonly without?: 'seqscan' | 'nestloop' } = {},
): Promise<Answer> {
  try {
    const client = await (await em.getConnection().getNativeClient()).connect();
    let lost: Error | undefined;
    try {
      await client.query(without === undefined ? 'begin' : `begin; set local enable_${without} = off`);
      const answer = await work(statementsOf(client));
      await client.query('commit');
      return answer;
    } catch (error) {
      await client.query('rollback').catch((cause: Error) => {
        lost = cause;
      });
      throw error;
    } finally {
      client.release(lost);
    }
  } catch (error) {
    throw error instanceof Error && !(error instanceof LinewardError) ? em.getDriver().convertException(error) : error;
  }
}

/** Statements outside of transactions whose values travel beside them, for lists of thousands of ids. */
export async function nativeStatements(em: EntityManager): Promise<Statements> {
  const statements = statementsOf(await poolOf(em));
  return {
    execute: (text, values) =>
      statements.execute<never>(text, values).catch((error: unknown) => {
        throw error instanceof Error ? em.getDriver().convertException(error) : error;
      }),
  };
}

function statementsOf(client: {
  query(text: string, values: unknown[]): Promise<{ readonly rows: unknown[] }>;
}): Statements {
  return {
    async execute<Row extends object[]>(given: string, own: unknown[] = []): Promise<Row> {
      const { text, values } = await seen({ text: given, values: own });
      let count = 0;
      const numbered = text.replaceAll('?', () => {
        count += 1;
        return `$${count}`;
      });
      return (await client.query(numbered, [...values])).rows as Row;
    },
  };
}
