import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  LakeClient,
  type LakeRead,
  LakeReadError,
  type LakeReadRequest,
  type LakeRow,
} from '../../packages/lake-client/src/index.ts';
import { processEnv } from '../config/env.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { printedRows, type TextFormat, textFormats } from './row-text.ts';

export interface LakeReadArguments
  extends Pick<LakeReadRequest, 'entity' | 'table' | 'from' | 'to' | 'decrypt' | 'purpose'> {
  readonly columns: string | undefined;
  readonly format: string;
  readonly limit: string | undefined;
  /** A file; undefined for the standard output. */
  readonly output: string | undefined;
  readonly url: string;
}

const formats = [...textFormats, 'parquet'] as const;
const progressMs = 1_000;

/**
 * Reads a lake table through the service. How far it is goes to the standard error; a file is there when it is whole.
 * @throws LinewardError BAD_INPUT, LakeReadError
 */
export async function readLake({ columns, format, limit, output, url, ...asked }: LakeReadArguments): Promise<null> {
  const form = formats.find((one) => one === format);
  if (form === undefined) throw new LinewardError('BAD_INPUT', `--format: is one of ${formats.join(', ')}`);
  if (form === 'parquet' && output === undefined)
    throw new LinewardError('BAD_INPUT', '--output: name the file, Parquet is nothing for a terminal');
  const rowsMax = limitOf(limit);
  const token = processEnv().LINEWARD_API_TOKEN?.reveal();
  const client = new LakeClient({ url: new URL(url).origin, token });
  const names = columns?.split(',').map((name) => name.trim());
  const read = await client.open({ ...asked, ...(names === undefined ? {} : { columns: names }) });
  note(headOf(read));
  const rows =
    form === 'parquet'
      ? await intoFile(output ?? '', (path) => parquetFile(read, path, rowsMax))
      : await writeText(read, { form, rowsMax, output });
  note(`${rows} row(s)${output === undefined ? '' : ` written to ${output}`}`);
  return null;
}

async function parquetFile(read: LakeRead, path: string, limit: number | undefined): Promise<number> {
  // No other command needs DuckDB, which takes a while to load.
  const { writeParquet } = await import('../adapters/lake/reads/parquet-output.ts');
  return writeParquet(path, (connection) => read.relation(connection, { limit }));
}

async function writeText(
  read: LakeRead,
  {
    form,
    rowsMax,
    output,
  }: { readonly form: TextFormat; readonly rowsMax: number | undefined; readonly output: string | undefined },
): Promise<number> {
  let rows = 0;
  async function* counted(): AsyncGenerator<LakeRow> {
    let noted = Date.now();
    for await (const row of read.rows({ limit: rowsMax })) {
      rows += 1;
      if (Date.now() - noted > progressMs) {
        noted = Date.now();
        note(`${rows} row(s) so far`);
      }
      yield row;
    }
  }
  const write = async (to: Writable, end: boolean): Promise<void> =>
    pipeline(Readable.from(printedRows(form, read.columns, counted())), to, { end });
  if (output !== undefined) await intoFile(output, (path) => write(createWriteStream(path, { mode: 0o600 }), true));
  else await write(process.stdout, false).catch(unlessClosed);
  return rows;
}

/** Whoever reads our output may have had enough of it, as `head` does. */
function unlessClosed(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
}

/** Writes a file beside the one that is asked for, which it becomes when it is whole. */
async function intoFile<T>(output: string, write: (path: string) => Promise<T>): Promise<T> {
  const partial = `${output}.${process.pid}.partial`;
  try {
    const written = await write(partial);
    await rename(partial, output);
    return written;
  } catch (error) {
    await rm(partial, { force: true });
    if (error instanceof LinewardError || error instanceof LakeReadError) throw error;
    throw new LinewardError('BAD_INPUT', `${output} cannot be written`, { cause: error });
  }
}

function headOf({ grant: { table, access, files, filesPruned, columns } }: LakeRead): string {
  const masked = columns.filter((column) => column.masked).map(({ name }) => name);
  const without = filesPruned === 0 ? '' : `, ${filesPruned} left out by their days`;
  return `${table}: ${files.length} file(s)${without}, ${access === 'FILES' ? 'in clear' : 'by the service'}; masked: ${masked.join(', ') || 'nothing'}`;
}

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/u.test(text)) return Number(text);
  throw new LinewardError('BAD_INPUT', '--limit: must be a number of rows');
}

const note = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
