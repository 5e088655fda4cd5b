import type { Actor } from '../../domain/access/actor.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { LakeStore } from '../lake/ports.ts';
import type { CryptoService } from '../privacy/crypto.service.ts';
import { decryptedRows } from './decrypted-rows.ts';
import type { LakeReadService, ReadPlan } from './lake-read.service.ts';
import type { GiveRows, RowEngine, RowsRequest } from './ports.ts';
import { pulled } from './pulled.ts';
import type { ReadFile, ReadFiles } from './read-files.ts';
import type { LakePlace } from './read-place.ts';

export interface LakeRowsDeps {
  readonly reads: Pick<LakeReadService, 'begin' | 'assertStill'>;
  readonly files: ReadFiles;
  readonly store: LakeStore;
  readonly engine: RowEngine;
  readonly crypto: CryptoService;
}

export interface AskedRows {
  readonly id: string;
  /** Most rows; null for all. */
  readonly limit: number | null;
  /** Who reads now: rows may go out for longer than a token is good. */
  readonly actorNow: () => Actor | Promise<Actor>;
}

/** Reads that one process answers at a time; each has a child process with the memory of an engine. */
const readsMax = 4;

type Begun = { readonly place: LakePlace; readonly plan: ReadPlan } & AskedRows;

interface OpenReader {
  rows(request: RowsRequest, give: GiveRows): Promise<void>;
  /** Again it does nothing. */
  close(): Promise<void>;
  readonly ended: AbortSignal;
}

/** Answers the rows of granted reads: file by file, as fast as the client takes them. */
export class LakeRows {
  readonly #deps: LakeRowsDeps;
  #running = 0;

  constructor(deps: LakeRowsDeps) {
    this.#deps = deps;
  }

  /**
   * Batches of rows, each row the text of a JSON array. The work ends with `signal`, and when nobody takes them any more. What can be
   * refused is refused before this resolves, and nothing is read before the read is in the audit log.
   * @throws LinewardError NOT_FOUND, FORBIDDEN, LAKE_FILE_CHANGED, LAKE_READS_BUSY, CANCELLED
   */
  async of(asked: AskedRows, signal: AbortSignal): Promise<AsyncGenerator<readonly string[]>> {
    if (this.#running >= readsMax) throw new LinewardError('LAKE_READS_BUSY');
    const reader = this.#open(signal);
    try {
      const begun = await this.#deps.reads.begin(await asked.actorNow(), asked.id);
      if (signal.aborted) throw new LinewardError('CANCELLED', 'Nobody waits for the rows any more.');
      return this.#batches({ ...asked, ...begun }, reader);
    } catch (error) {
      await reader.close();
      throw error;
    }
  }

  /** A reader that is closed with the signal, too: rows that nobody begins to fetch would hold it for ever. */
  #open(signal: AbortSignal): OpenReader {
    const reader = this.#deps.engine.open();
    const ended = new AbortController();
    this.#running += 1;
    const close = async (): Promise<void> => {
      if (ended.signal.aborted) return;
      this.#running -= 1;
      ended.abort();
      await reader.close();
    };
    signal.addEventListener('abort', () => void close(), { once: true });
    return { rows: (request, give) => reader.rows(request, give, ended.signal), close, ended: ended.signal };
  }

  async *#batches(begun: Begun, reader: OpenReader): AsyncGenerator<readonly string[]> {
    try {
      yield* pulled((give) => this.#read(begun, reader, give));
    } finally {
      await reader.close();
    }
  }

  async #read(begun: Begun, reader: OpenReader, give: GiveRows): Promise<void> {
    const { plan, place, limit, actorNow } = begun;
    let left = limit ?? Number.POSITIVE_INFINITY;
    const days = plan.days === null || place.dateField === null ? null : { column: place.dateField, range: plan.days };
    // The account of a row says whose envelopes may stand in it.
    const account = { name: place.accountField, type: 'VARCHAR', masked: false };
    const columns = plan.decrypt ? [...plan.columns, account] : plan.columns;
    const giveOn: GiveRows = async (rows) => {
      const actor = await actorNow();
      await this.#deps.reads.assertStill(actor, place, plan);
      left -= rows.length;
      await give(plan.decrypt ? await decryptedRows(this.#deps.crypto, actor, rows, plan) : rows);
    };
    for (const file of plan.files) {
      if (left <= 0 || reader.ended.aborted) return;
      const rowsMax = Number.isFinite(left) ? left : null;
      await this.#readFile(file, { columns, days, rowsMax }, (local, request) =>
        reader.rows({ ...request, path: local }, giveOn),
      );
    }
  }

  /** A file that is replaced while it is read has given rows of one content or the other, or of both: the read fails. */
  async #readFile(
    file: ReadFile,
    request: Omit<RowsRequest, 'path'>,
    read: (local: string, request: Omit<RowsRequest, 'path'>) => Promise<void>,
  ): Promise<void> {
    const { files, store } = this.#deps;
    await files.assertUnchanged(file);
    try {
      await store.reading([file.path], async ([local]) => {
        await files.assertUnchanged(file);
        if (local !== undefined) await read(local, request);
      });
    } catch (error) {
      await files.assertUnchanged(file);
      throw error;
    }
    await files.assertUnchanged(file);
  }
}
