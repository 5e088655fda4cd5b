import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { type GraphQLSchema, lexicographicSortSchema, buildSchema as parseSchema, printSchema } from 'graphql';
import { buildSchema } from '../../src/resolvers/build-schema.ts';
import { malformedConnections, malformedMutations, nullableIds, undescribed } from './graphql-rules.ts';
import { runProgram, type Step } from './step.ts';

const fileName = 'schema.graphql';
const reasonsFile = 'docs/schema-changes.md';

/** The schema as text, in an order that does not depend on the order of the code. */
export const schemaText = (schema: GraphQLSchema = buildSchema()): string =>
  `${printSchema(lexicographicSortSchema(schema))}\n`;

export const writeSchema = (root: string): Promise<void> => writeFile(join(root, fileName), schemaText());

/** A change that breaks clients, named by its place and kind, e.g. `` `Entity.name` FIELD_REMOVED ``. */
export interface BreakingChange {
  readonly name: string;
  readonly message: string;
}

export async function breakingChanges(before: string, after: string): Promise<BreakingChange[]> {
  const changes = await diff(parseSchema(before), parseSchema(after));
  return changes
    .filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking)
    .map(({ path, type, message }) => ({ name: `\`${path}\` ${type}`, message }));
}

/** Breaking changes without a line `- <name>: <reason>` in the text of `docs/schema-changes.md`. */
export function unexplained(changes: readonly BreakingChange[], reasons: string): string[] {
  const lines = reasons.split('\n');
  const explained = (name: string): boolean =>
    lines.some((line) => line.startsWith(`- ${name}: `) && line.slice(name.length + 4).trim() !== '');
  return changes
    .filter(({ name }) => !explained(name))
    .map(({ name, message }) => `${message} Explain it by a line "- ${name}: <reason>" in ${reasonsFile}.`);
}

/**
 * The last committed schema that differs from `present`. On a clean checkout that is the one before the last change, so a
 * change is still judged after it was committed. Null when there is none.
 */
async function previousSchema(root: string, present: string): Promise<string | null> {
  const log = await runProgram(root, 'git', ['log', '-n', '2', '--format=%H', '--', fileName]);
  for (const commit of log.code === 0 ? log.output.split('\n').filter((line) => line !== '') : []) {
    const { code, output } = await runProgram(root, 'git', ['show', `${commit}:${fileName}`]);
    if (code === 0 && output !== present.trim()) return output;
  }
  return null;
}

export const schemaStep: Step = {
  name: 'schema',
  async run(root) {
    const present = schemaText();
    const committed = await readFile(join(root, fileName), 'utf8').catch(() => null);
    const schema = buildSchema();
    const bare = undescribed(schema).map((place) => `${place} has no description`);
    const misshapen = [...malformedConnections(schema), ...malformedMutations(schema), ...nullableIds(schema)];
    const stale = committed === present ? [] : [`${fileName} is out of date; run \`npm run schema\``];
    const before = await previousSchema(root, present);
    const changes = before === null ? [] : await breakingChanges(before, present);
    const reasons = await readFile(join(root, reasonsFile), 'utf8').catch(() => '');
    return {
      problems: [...bare, ...misshapen, ...stale, ...unexplained(changes, reasons)],
      note: before === null ? 'no earlier schema in git' : `${changes.length} breaking changes`,
    };
  },
};
