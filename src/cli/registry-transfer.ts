import { openAsBlob } from 'node:fs';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import { LinewardError } from '../errors/lineward-error.ts';
import { reach } from './reach.ts';

const schemaType = 'application/vnd.schemaregistry.v1+json';
const answerLine = z.object({
  line: z.number(),
  ok: z.boolean(),
  code: z.string().optional(),
  message: z.string().optional(),
});
/** Most refused lines that are shown. */
const shownMax = 20;

async function read(url: string): Promise<unknown> {
  const response = await reach(url, { headers: { accept: schemaType } });
  if (!response.ok) throw new LinewardError('BAD_INPUT', `${url} answered ${response.status}`);
  return response.json();
}

/**
 * Writes all that a registry of Confluent's protocol holds into a file, a line for each version: by its public API alone, so
 * any registry of the last years can be left.
 */
export async function exportRegistry(registry: string, file: string): Promise<string> {
  const output = await open(file, 'w');
  let versions = 0;
  try {
    const subjects = await subjectsOf(registry);
    for (const subject of subjects) {
      const base = `${registry}/subjects/${encodeURIComponent(subject)}/versions`;
      const all = z.array(z.number()).parse(await read(`${base}?deleted=true`));
      const live = await reach(base, { headers: { accept: schemaType } });
      const kept = live.ok ? z.array(z.number()).parse(await live.json()) : [];
      for (const version of all) {
        const found = z.looseObject({}).parse(await read(`${base}/${version}?deleted=true`));
        await output.write(`${JSON.stringify({ ...found, ...(kept.includes(version) ? {} : { deleted: true }) })}\n`);
        versions += 1;
      }
      await output.write(await settingsOf(registry, subject));
    }
    await output.write(await settingsOf(registry, null));
    return `${versions} versions of ${subjects.size} subjects written to ${file}`;
  } finally {
    await output.close();
  }
}

/** All subjects, by pages: a registry tells a part of a long list, and not that it is one. An old one knows no pages. */
async function subjectsOf(registry: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (let before = -1; found.size > before; ) {
    before = found.size;
    const page = await read(`${registry}/subjects?deleted=true&subjectPrefix=:*:&offset=${found.size}`);
    for (const subject of z.array(z.string()).parse(page)) found.add(subject);
  }
  return found;
}

async function settingsOf(registry: string, subject: string | null): Promise<string> {
  const path = subject === null ? '' : `/${encodeURIComponent(subject)}`;
  const config = await reach(`${registry}/config${path}`, { headers: { accept: schemaType } });
  return config.ok ? `${JSON.stringify({ subject, config: await config.json() })}\n` : '';
}

async function blobOf(file: string): Promise<Blob> {
  try {
    return await openAsBlob(file, { type: 'application/x-ndjson' });
  } catch (cause) {
    throw new LinewardError('BAD_INPUT', `${file} cannot be read`, { cause });
  }
}

/** Sends an export to a running service, whose registry must be in IMPORT mode; tells what was refused. */
export async function importRegistry(url: string, file: string): Promise<string> {
  const body = await blobOf(file);
  const response = await reach(`${new URL(url).origin}/api/v1/registry/import`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body,
  });
  if (!response.ok)
    throw new LinewardError(
      'BAD_INPUT',
      `${url} answered ${response.status}: ${(await response.text()).slice(0, 500)}`,
    );
  const answers = (await response.text()).split('\n').filter((line) => line !== '');
  const read = answers.map((line) => answerLine.parse(JSON.parse(line)));
  const refused = read.filter((answer) => !answer.ok);
  const shown = refused.slice(0, shownMax).map(({ line, code, message }) => `  line ${line}: ${code} ${message}`);
  const text = [`${read.length - refused.length} lines taken, ${refused.length} refused`, ...shown].join('\n');
  if (refused.length > 0) throw new LinewardError('BAD_INPUT', text);
  return text;
}
