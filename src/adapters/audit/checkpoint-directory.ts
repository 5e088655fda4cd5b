import { link, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpointJson } from '../../domain/audit/audit-file.ts';
import type { Checkpoint } from '../../domain/audit/checkpoint.ts';
import { canonicalJson } from '../../domain/canonical-json.ts';
import { newId } from '../../domain/id.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { CheckpointSink } from '../../services/audit/ports.ts';
import { fsyncDirectory, makeDirectory } from '../store/local/durable-file.ts';

const namePattern = /^checkpoint-\d{12}\.json$/;

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
    const draft = join(this.#directory, `${newId()}.draft`);
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
      await file.close();
      // Unlike a rename this never takes the place of another file, and the name comes with the whole content.
      await link(draft, path);
      await fsyncDirectory(this.#directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if ((await readFile(path, 'utf8')) !== text)
        throw new LinewardError('AUDIT_CHECKPOINT_REFUSED', `${path} is another checkpoint of this number.`);
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
    const found: Checkpoint[] = [];
    for (const name of names.filter((one) => namePattern.test(one)).sort())
      found.push(readCheckpointFile(name, await readFile(join(this.#directory, name), 'utf8')));
    return found;
  }
}

function readCheckpointFile(name: string, text: string): Checkpoint {
  try {
    return checkpointJson.parse(JSON.parse(text));
  } catch (cause) {
    throw new LinewardError('AUDIT_CHECKPOINT_REFUSED', `${name} is no checkpoint.`, { cause });
  }
}
