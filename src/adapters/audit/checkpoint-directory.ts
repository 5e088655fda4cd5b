import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpointJson } from '../../domain/audit/audit-file.ts';
import type { Checkpoint } from '../../domain/audit/checkpoint.ts';
import { canonicalJson } from '../../domain/canonical-json.ts';
import { newId } from '../../domain/id.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { CheckpointSink } from '../../services/audit/ports.ts';
import { fsyncDirectory, makeDirectory } from '../store/local/durable-file.ts';

const namePattern = /^checkpoint-\d{12}\.json$/;
/** There may be very many, each a small file. */
const readAtOnce = 64;

/** Checkpoints as files of a directory, `checkpoint-000000000001.json`, which are made once and never written again. */
export class CheckpointDirectory implements CheckpointSink {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async publish(checkpoint: Checkpoint): Promise<void> {
    await makeDirectory(this.#directory);
    const name = `checkpoint-${String(checkpoint.body.number).padStart(12, '0')}.json`;
    const path = join(this.#directory, name);
    const text = `${canonicalJson(checkpoint)}\n`;
    // Its name may not have reached the disk when who made it was killed.
    if (await isThere(path, text)) return fsyncDirectory(this.#directory);
    const draft = join(this.#directory, `${newId()}.draft`);
    try {
      await writeFile(draft, text, { flag: 'wx', mode: 0o600, flush: true });
      // Unlike a rename this never takes the place of another file, and the name comes with the whole content.
      await link(draft, path);
      await fsyncDirectory(this.#directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await isThere(path, text))) throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** @throws LinewardError AUDIT_CHECKPOINT_REFUSED for a file of such a name that is no checkpoint. */
  async checkpoints(): Promise<readonly Checkpoint[]> {
    const names = await readdir(this.#directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const own = names.filter((one) => namePattern.test(one)).sort();
    const found: Checkpoint[] = [];
    for (let at = 0; at < own.length; at += readAtOnce)
      found.push(...(await Promise.all(own.slice(at, at + readAtOnce).map((name) => this.#read(name)))));
    return found;
  }

  async #read(name: string): Promise<Checkpoint> {
    return readCheckpointFile(name, await readFile(join(this.#directory, name), 'utf8'));
  }
}

/** @throws LinewardError AUDIT_CHECKPOINT_REFUSED when something else is there. */
async function isThere(path: string, text: string): Promise<boolean> {
  const there = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (there === null || there === text) return there === text;
  throw new LinewardError('AUDIT_CHECKPOINT_REFUSED', `${path} is another checkpoint of this number.`);
}

function readCheckpointFile(name: string, text: string): Checkpoint {
  try {
    return checkpointJson.parse(JSON.parse(text));
  } catch (cause) {
    throw new LinewardError('AUDIT_CHECKPOINT_REFUSED', `${name} is no checkpoint.`, { cause });
  }
}
