import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checkpoint } from '../../domain/audit/checkpoint.ts';
import { newId } from '../../domain/id.ts';
import type { CheckpointSink } from '../../services/audit/ports.ts';
import { fsyncDirectory, makeDirectory } from '../store/local/durable-file.ts';
import { checkpointName, checkpointText, isCheckpointName, isSame, readCheckpoints } from './checkpoint-file.ts';

/** Checkpoints as files of a directory, which are made once and never written again. */
export class CheckpointDirectory implements CheckpointSink {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async publish(checkpoint: Checkpoint): Promise<void> {
    await makeDirectory(this.#directory);
    const path = join(this.#directory, checkpointName(checkpoint));
    const text = checkpointText(checkpoint);
    // Its name may not have reached the disk when who made it was killed.
    if (isSame(path, await contentOf(path), text)) return fsyncDirectory(this.#directory);
    const draft = join(this.#directory, `${newId()}.draft`);
    try {
      await writeFile(draft, text, { flag: 'wx', mode: 0o600, flush: true });
      // Unlike a rename this never takes the place of another file, and the name comes with the whole content.
      await link(draft, path);
      await fsyncDirectory(this.#directory);
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === 'EEXIST';
      if (!isTaken || !isSame(path, await contentOf(path), text)) throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** @throws LinewardError AUDIT_CHECKPOINT_REFUSED for a file of such a name that is no checkpoint. */
  async checkpoints(): Promise<readonly Checkpoint[]> {
    const names = (await ifThere(readdir(this.#directory))) ?? [];
    const own = names.filter(isCheckpointName).sort();
    return readCheckpoints(
      own.map((name) => ({ name })),
      ({ name }) => readFile(join(this.#directory, name), 'utf8'),
    );
  }
}

const contentOf = (path: string): Promise<string | null> => ifThere(readFile(path, 'utf8'));

function ifThere<T>(read: Promise<T>): Promise<T | null> {
  return read.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}
