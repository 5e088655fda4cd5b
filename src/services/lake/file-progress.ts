import type { TargetProgress } from '../../domain/operations/progress.ts';
import type { FileIdentity } from './ports.ts';

type Sized = Pick<FileIdentity, 'bytes'>;

/** Counts the files of a table that are done, their bytes, and the records that were to be done something to. */
export class FileProgress {
  readonly #total: { readonly files: number; readonly bytes: number };
  #done: { files: number; bytes: number };

  #records: number;

  /** `pending` of the files `listed` are yet to be done; `records` were dealt with before. */
  constructor(listed: readonly Sized[], pending: readonly Sized[], records = 0) {
    this.#records = records;
    this.#total = { files: listed.length, bytes: bytesOf(listed) };
    this.#done = { files: listed.length - pending.length, bytes: this.#total.bytes - bytesOf(pending) };
  }

  finish({ bytes }: Sized, records = 0): void {
    this.#done.files += 1;
    this.#done.bytes += bytes;
    this.#records += records;
  }

  now(): TargetProgress {
    const bytes = { done: this.#done.bytes, total: this.#total.bytes };
    return { done: this.#done.files, total: this.#total.files, unit: 'files', bytes, records: this.#records };
  }
}

const bytesOf = (files: readonly Sized[]): number => files.reduce((sum, { bytes }) => sum + bytes, 0);
