import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';

const setting = 'TRUSTED_DOCUMENTS';
const listSchema = z.record(z.string(), z.string());

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const invalid = (message: string, cause?: unknown): LinewardError =>
  new LinewardError('CONFIG_INVALID', `${setting}: ${message}`, { path: [setting], cause });

/**
 * The GraphQL documents that clients may send, by the SHA-256 of their text: each `.graphql` file of a directory, or the
 * entries of a JSON file, as tools that make clients write it.
 * @throws LinewardError CONFIG_INVALID for a place that cannot be read, and naming the entry with a wrong sum.
 */
export async function trustedDocuments(path: string): Promise<ReadonlyMap<string, string>> {
  const documents = await read(path).catch((cause: unknown) => {
    throw cause instanceof LinewardError ? cause : invalid(`${path} cannot be read`, cause);
  });
  if (documents.size === 0) throw invalid(`${path} has no documents, so that every request would be refused`);
  return documents;
}

async function read(path: string): Promise<ReadonlyMap<string, string>> {
  return (await stat(path)).isDirectory() ? fromDirectory(path) : fromList(path);
}

async function fromDirectory(path: string): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(path, { recursive: true })).filter((name) => name.endsWith('.graphql'));
  const documents = new Map<string, string>();
  for (const name of names) {
    const text = await readFile(join(path, name), 'utf8');
    documents.set(sha256(text), text);
  }
  return documents;
}

async function fromList(path: string): Promise<ReadonlyMap<string, string>> {
  const documents = new Map<string, string>();
  for (const [given, text] of Object.entries(listOf(await readFile(path, 'utf8'), path))) {
    // Some tools write the algorithm before the sum.
    const name = given.replace(/^sha256:/, '').toLowerCase();
    if (name !== sha256(text)) throw invalid(`${given} in ${path} is not the SHA-256 of its document`);
    documents.set(name, text);
  }
  return documents;
}

function listOf(json: string, path: string): z.infer<typeof listSchema> {
  try {
    return listSchema.parse(JSON.parse(json));
  } catch (cause) {
    throw invalid(`${path} is not a JSON object of SHA-256 and document`, cause);
  }
}
