import type { Gap, TargetVerification } from '../../domain/operations/target.ts';
import type { LakeTable } from '../../entities/lake-table.entity.ts';
import { type OperationFile, OperationFileSchema } from '../../entities/operation-file.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { ExecutionContext } from '../operations/ports.ts';
import { groupsAtOnce } from './file-groups.ts';
import { isSameContent } from './file-identity.ts';
import { FileProgress } from './file-progress.ts';
import type { LakeRewriteDeps } from './file-rewrite.ts';
import type { RewriteWork } from './lake-rewrite.ts';
import { OperationFiles } from './operation-files.ts';
import type { FileIdentity } from './ports.ts';
import type { FileSeen, RewriteAction } from './rewrite-action.ts';
import { lockedVersions } from './rewrite-receipt.ts';
import { tableGap } from './table-gap.ts';

const filesPerReport = 32;
const method =
  'every file of the table listed afresh and searched without the index, by other SQL than the rewrite; rewritten files byte for byte the copies that were laid beside their sources';

/** Reads a table back after a rewrite: nothing left to act on, and every other record still there. */
export class RewriteVerification {
  readonly #deps: LakeRewriteDeps;
  readonly #context: ExecutionContext;
  readonly #table: LakeTable;
  readonly #action: RewriteAction;
  readonly #files: OperationFiles;
  readonly #open: Gap[] = [];
  readonly #verified: string[] = [];
  #survivors = 0;
  #lost = 0;
  #scanned = 0;

  constructor(deps: LakeRewriteDeps, { context, table, action }: RewriteWork) {
    this.#deps = deps;
    this.#context = context;
    this.#table = table;
    this.#action = action;
    const { targetId } = context.place;
    this.#files = new OperationFiles(deps.em, { targetId, fencingToken: context.lease.fencingToken });
  }

  async run(): Promise<TargetVerification> {
    const gap = await tableGap(this.#deps, this.#context.place, this.#table);
    if (gap !== null) this.#open.push(gap);
    // Before the listing: what lands in between is then listed and not missed.
    const registered = await this.#registered();
    const listed = await this.#deps.store.list(this.#table.location);
    const records = await this.#files.byPath();
    const paths = new Set(listed.map(({ path }) => path));
    this.#openMissing(registered.filter((path) => !paths.has(path) && !records.has(path)));
    for (const record of records.values()) if (!paths.has(record.path)) await this.#checkGone(record);
    const progress = new FileProgress(listed, listed);
    const report = () => this.#context.report({ ...progress.now(), records: this.#scanned });
    let reported = 0;
    for (const group of groupsAtOnce(listed, this.#action)) {
      if (progress.now().done >= reported) {
        await this.#context.lease.assertHeld();
        await report();
        reported += filesPerReport;
      }
      const seen = await Promise.all(group.map((file) => this.#read(file)));
      for (const [index, file] of group.entries()) {
        await this.#check(file, seen[index] ?? null, records.get(file.path));
        progress.finish(file);
      }
    }
    await this.#openVersions(records);
    await this.#openLinks();
    await this.#context.lease.assertHeld();
    await this.#files.verified(this.#verified);
    await report();
    return {
      survivors: this.#survivors,
      lost: this.#lost,
      recordsScanned: this.#scanned,
      method,
      open: this.#open,
    };
  }

  async #registered(): Promise<readonly string[]> {
    const rows = await this.#deps.em
      .fork()
      .execute<{ path: string }[]>(
        `select path from lake_file where table_id = ? and standing <> 'FOUND' order by path`,
        [this.#table.id],
      );
    return rows.map(({ path }) => path);
  }

  /** A disk that is not there must not pass for an empty one. */
  #openMissing(missing: readonly string[]): void {
    const [first] = missing;
    if (first === undefined) return;
    const reason = `${missing.length} registered file(s) are not there, ${first} for one; is the whole lake mounted?`;
    this.#open.push({ code: 'LAKE_FILE_MISSING', dataset: this.#context.place.name, reason });
  }

  /** What lies behind a link is read by others as part of the table, and was searched by nobody. */
  async #openLinks(): Promise<void> {
    for (const { path, kind } of await this.#deps.store.passedOver(this.#table.location)) {
      if (kind !== 'LINK') continue;
      const reason = `${path}: it is a symbolic link or a device, and what it leads to was not searched`;
      this.#open.push({ code: 'LAKE_TABLE_REFUSED', dataset: this.#context.place.name, reason });
    }
  }

  /** Older contents are copies that nobody has searched, but for those that a receipt names as residues. */
  async #openVersions(records: ReadonlyMap<string, OperationFile>): Promise<void> {
    for (const { path, count } of await this.#deps.store.olderVersions(this.#table.location)) {
      const known = lockedVersions(records.get(path)?.facts ?? null).length;
      if (count <= known) continue;
      const reason = `${path}: the store keeps ${count - known} older version(s) of it, which were not searched; remove them`;
      this.#open.push({ code: 'OLDER_VERSIONS', dataset: this.#context.place.name, reason });
    }
  }

  async #check(file: FileIdentity, seen: FileSeen | null, record: OperationFile | undefined): Promise<void> {
    if (seen === null) return;
    this.#scanned += seen.rows;
    this.#survivors += seen.left;
    if (record === undefined || !isSwapped(record)) return;
    const expected = await this.#expectedAt(file, record);
    const missing = Math.max(0, (expected.rowsAfter ?? 0) - seen.kept);
    // The copy was laid beside its source when it was staged; byte for byte the same file holds what was proven then.
    const isProven = seen.kept === expected.rowsAfter && seen.sha256 === expected.stagedSha256;
    if (isProven && seen.left === 0) {
      this.#verified.push(file.path);
      return;
    }
    const isOurs = isSameContent(file, afterOf(expected));
    if (isOurs && seen.left > 0) return;
    // Same count and other content: at least one record was replaced.
    this.#lost += isOurs ? Math.max(1, missing) : missing;
    if (!isOurs) this.#openChanged(file.path, 'was written by something else since it was rewritten');
  }

  async #read(file: FileIdentity): Promise<FileSeen | null> {
    const { place, signal } = this.#context;
    const scope = { table: this.#table, place, selection: await this.#context.selectionNow(), signal };
    try {
      return await this.#deps.store.reading([file.path], ([local = '']) => this.#action.see(local, scope));
    } catch (error) {
      if (!(error instanceof LinewardError)) throw error;
      if (error.code !== 'LAKE_FILE_UNREADABLE' && error.code !== 'LAKE_TABLE_REFUSED') throw error;
      const reason = typeof error.details.reason === 'string' ? error.details.reason : error.message;
      this.#open.push({ code: error.code, dataset: this.#context.place.name, reason: `${file.path}: ${reason}` });
      return null;
    }
  }

  /**
   * The record that says what must be in the file now: our own, or that of a later operation which took the file up
   * exactly as we, or one after us, left it.
   */
  async #expectedAt(file: FileIdentity, own: OperationFile): Promise<OperationFile> {
    if (isSameContent(file, afterOf(own))) return own;
    return (await this.#successorsOf(own)).at(-1) ?? own;
  }

  async #successorsOf(own: OperationFile): Promise<readonly OperationFile[]> {
    const others = (await this.#deps.em.fork().find(OperationFileSchema, { path: own.path })).filter(isSwapped);
    const chain: OperationFile[] = [];
    const next = (after: OperationFile): OperationFile | undefined =>
      others.find(
        (record) =>
          !chain.includes(record) &&
          isSameContent({ bytes: record.sourceBytes, version: record.sourceVersion }, afterOf(after)),
      );
    for (let record = next(own); record !== undefined; record = next(record)) chain.push(record);
    return chain;
  }

  /** A file that kept rows, and is not there any more. */
  async #checkGone(own: OperationFile): Promise<void> {
    if (!isSwapped(own)) return;
    const last = (await this.#successorsOf(own)).at(-1) ?? own;
    if (last.versionAfter == null) {
      this.#verified.push(own.path);
      return;
    }
    this.#lost += last.rowsAfter ?? 0;
    this.#openChanged(own.path, 'was removed by something else since it was rewritten');
  }

  #openChanged(path: string, what: string): void {
    this.#open.push({ code: 'LAKE_FILE_CHANGED', dataset: this.#context.place.name, reason: `${path}: it ${what}` });
  }
}

const isSwapped = ({ state }: OperationFile): boolean => state === 'SWAPPED' || state === 'VERIFIED';

const afterOf = ({ bytesAfter, versionAfter }: OperationFile) =>
  bytesAfter == null || versionAfter == null ? null : { bytes: bytesAfter, version: versionAfter };
