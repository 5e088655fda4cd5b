import { createReadStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { ErasedEntry, ErasureJournal } from '../../services/operations/ports.ts';

const entry = z.strictObject({
  operationId: z.string(),
  entityId: z.string().nullable(),
  at: z.string(),
  digests: z.array(z.string()),
});
/** Digests of one line: few enough that it is one write, which another process does not come into. */
const digestsPerLine = 500;

/**
 * The journal as a file that only grows, one JSON object a line. Keep it on other storage than the database and its backups. A
 * line that a crash cut short belongs to an erasure whose end is written again.
 */
export class FileErasureJournal implements ErasureJournal {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async append({ digests, ...erasure }: ErasedEntry): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const file = await open(this.#path, 'a', 0o600);
    try {
      for (let start = 0; start < digests.length; start += digestsPerLine) {
        const line = JSON.stringify({ ...erasure, digests: digests.slice(start, start + digestsPerLine) });
        // With a line break before it: what a crash left of another line stays a line of its own.
        await file.appendFile(`\n${line}\n`);
      }
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  async *entries(): AsyncGenerator<ErasedEntry> {
    try {
      for await (const line of createInterface({
        input: createReadStream(this.#path),
        crlfDelay: Number.POSITIVE_INFINITY,
      })) {
        const read = this.#read(line);
        if (read !== null) yield read;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  #read(line: string): ErasedEntry | null {
    if (line.trim() === '') return null;
    try {
      return entry.parse(JSON.parse(line));
    } catch {
      // A line that was cut short never ends in a brace.
      if (!line.trimEnd().endsWith('}')) return null;
      throw new LinewardError(
        'CONFIG_INVALID',
        `The journal of erasures ${this.#path} has a line that is none of its own.`,
      );
    }
  }
}
