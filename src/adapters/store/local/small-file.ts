import { readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectory } from './durable-file.ts';

/** Writes a file with the folders above it, flushed to the disk. */
export async function writeSmallFile(path: string, content: Uint8Array): Promise<void> {
  await makeDirectory(dirname(path));
  await writeFile(path, content, { flush: true });
}

/** Contents of files in their order; null for one that is not there or cannot be read. */
export async function readSmallFiles(paths: readonly string[]): Promise<readonly (Buffer | null)[]> {
  const contents: (Buffer | null)[] = [];
  for (const path of paths) contents.push(await readFile(path).catch(() => null));
  return contents;
}
