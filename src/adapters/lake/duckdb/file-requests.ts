import { setImmediate as nextTurn } from 'node:timers/promises';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { EngineSelection } from '../../../services/lake/ports.ts';
import type { FileAnswer } from './engine-protocol.ts';

/** Files of one request: bounds its time, and how much is asked again after a crash. */
const filesMax = 16;

interface Scope {
  readonly selection: EngineSelection;
  readonly signal?: AbortSignal | undefined;
}

/** Sends one request about the files that there are when its turn comes. */
type Send<File, Result> = (files: () => readonly File[], scope: Scope) => Promise<readonly FileAnswer<Result>[]>;

/** Files that wait for the turn of their request. */
interface Gathering<File, Result> extends Scope {
  readonly files: File[];
  readonly answers: Promise<readonly FileAnswer<Result>[]>;
}

/**
 * Makes one request of those about single files and one selection that wait for the engine at a time, since the selectors are gone
 * through for each request anew. Each gets its own answer; where a request fails as a whole its files are asked about one by one.
 */
export class FileRequests<File, Result> {
  readonly #send: Send<File, Result>;
  readonly #pathOf: (file: File) => string;
  #gathering: Gathering<File, Result> | null = null;

  constructor(pathOf: (file: File) => string, send: Send<File, Result>) {
    this.#pathOf = pathOf;
    this.#send = send;
  }

  async ask(file: File, scope: Scope): Promise<Result> {
    const gathering = this.#fits(file, scope) ?? this.#gather(scope);
    const index = gathering.files.push(file) - 1;
    const answer = (await gathering.answers)[index];
    if (answer === undefined) throw new LinewardError('INTERNAL', 'The lake engine left a file without an answer.');
    if (answer.failure === undefined) return answer.result;
    const { code, message, details } = answer.failure;
    throw new LinewardError(code, message, { details });
  }

  #fits(file: File, { selection, signal }: Scope): Gathering<File, Result> | null {
    const known = this.#gathering;
    if (known?.selection !== selection || known.signal !== signal || known.files.length >= filesMax) return null;
    // Rows of a file that is named twice would count twice.
    return known.files.some((other) => this.#pathOf(other) === this.#pathOf(file)) ? null : known;
  }

  #gather(scope: Scope): Gathering<File, Result> {
    const files: File[] = [];
    const gathering = { ...scope, files, answers: this.#answers(files, scope) };
    this.#gathering = gathering;
    return gathering;
  }

  async #answers(files: File[], scope: Scope): Promise<readonly FileAnswer<Result>[]> {
    // Who asks about several files at once does so within one turn.
    await nextTurn();
    const ready = (): readonly File[] => {
      if (this.#gathering?.files === files) this.#gathering = null;
      return files;
    };
    return this.#asked(ready, scope);
  }

  async #asked(ready: () => readonly File[], scope: Scope): Promise<readonly FileAnswer<Result>[]> {
    try {
      return await this.#send(ready, scope);
    } catch (error) {
      if (!(error instanceof LinewardError) || error.code === 'CANCELLED') throw error;
      const files = ready();
      if (files.length < 2) return [{ failure: { code: error.code, message: error.message, details: error.details } }];
      const answers: FileAnswer<Result>[] = [];
      for (const file of files) answers.push(...(await this.#asked(() => [file], scope)));
      return answers;
    }
  }
}
