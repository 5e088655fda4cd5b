import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { envSchema } from '../../src/config/env.ts';
import type { Step } from './step.ts';

const [start, end] = ['<!-- config:start -->', '<!-- config:end -->'];
const propertySchema = z.object({ description: z.string(), default: z.union([z.string(), z.number()]).optional() });

/** The settings as a Markdown table: name, default, meaning. */
export function configTable(): string {
  const { properties } = z.toJSONSchema(envSchema, { io: 'input', unrepresentable: 'any' });
  const rows = Object.entries(z.record(z.string(), propertySchema).parse(properties)).map(
    ([name, property]) =>
      `| \`${name}\` | ${property.default === undefined ? 'unset' : `\`${property.default}\``} | ${property.description.replaceAll('|', '\\|')} |`,
  );
  return ['| Variable | Default | Meaning |', '|---|---|---|', ...rows].join('\n');
}

/** The text with the table between its marks made new; null when the marks are missing. */
export function withConfigTable(text: string): string | null {
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from === -1 || to < from) return null;
  return `${text.slice(0, from)}${start}\n${configTable()}\n${text.slice(to)}`;
}

const readmeOf = (root: string): string => join(root, 'README.md');
const marksMissing = `README.md has no ${start} … ${end} block`;

/** Writes the table into README.md. Answers what stood in the way, else null. */
export async function writeConfigTable(root: string): Promise<string | null> {
  const text = withConfigTable(await readFile(readmeOf(root), 'utf8'));
  if (text === null) return marksMissing;
  await writeFile(readmeOf(root), text);
  return null;
}

export const docsStep: Step = {
  name: 'docs',
  async run(root) {
    const text = await readFile(readmeOf(root), 'utf8');
    const wanted = withConfigTable(text);
    const note = `${Object.keys(envSchema.shape).length} settings`;
    if (wanted === null) return { problems: [marksMissing], note };
    return {
      problems: wanted === text ? [] : ['README.md: the table of settings is out of date; run `npm run docs`'],
      note,
    };
  },
};
