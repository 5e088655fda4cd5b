import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { ShreddedHolder, ShredLedger } from '../../../services/privacy/ports.ts';

const entry = z.strictObject({
  operationId: z.string(),
  accountId: z.string(),
  scope: z.string(),
  isWhole: z.boolean(),
  version: z.int().positive().optional(),
  at: z.string(),
});

/**
 * The ledger as a file that only grows, one JSON object a line. Keep it on other storage than the database and its backups. A
 * line that a crash cut short stands for a destruction that had not begun; the next line begins behind it.
 */
export class FileShredLedger implements ShredLedger {
  readonly id: string;
  readonly #path: string;
  #file: Promise<FileHandle> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
    this.id = `file:${createHash('sha256').update(path).digest('hex').slice(0, 16)}`;
  }

  append(holder: ShreddedHolder): Promise<void> {
    const written = this.#last.then(() => this.#write(holder));
    this.#last = written.catch(() => {});
    return written;
  }

  async *entries(from: number): AsyncGenerator<{ holder: ShreddedHolder; next: number }> {
    let place = from;
    let rest = Buffer.alloc(0);
    try {
      for await (const chunk of createReadStream(this.#path, { start: from })) {
        rest = Buffer.concat([rest, Buffer.from(chunk as Uint8Array)]);
        let end = rest.indexOf(10);
        while (end >= 0) {
          place += end + 1;
          const holder = this.#read(rest.subarray(0, end).toString('utf8'), place);
          if (holder !== null) yield { holder, next: place };
          rest = rest.subarray(end + 1);
          end = rest.indexOf(10);
        }
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  async close(): Promise<void> {
    await this.#last;
    await (await this.#file)?.close();
  }

  async #write(holder: ShreddedHolder): Promise<void> {
    this.#file ??= this.#open();
    const file = await this.#file;
    // One write, with a line break before it: what a crash left of another line stays a line of its own.
    await file.appendFile(`\n${JSON.stringify(holder)}\n`);
    await file.datasync();
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    return open(this.#path, 'a', 0o600);
  }

  #read(line: string, place: number): ShreddedHolder | null {
    if (line.trim() === '') return null;
    try {
      return entry.parse(JSON.parse(line));
    } catch {
      // A line that was cut short never ends in a brace.
      if (!line.trimEnd().endsWith('}')) return null;
      throw new LinewardError(
        'CONFIG_INVALID',
        `The ledger ${this.#path} holds before byte ${place} what is no entry.`,
      );
    }
  }
}
