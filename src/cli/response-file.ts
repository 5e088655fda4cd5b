import { open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LinewardError } from '../errors/lineward-error.ts';

/**
 * Writes what a service answers into a new file.
 * @throws LinewardError BAD_INPUT when it is there already, cannot be written, or the service breaks off.
 */
export async function writeNewFile(file: string, response: Response): Promise<void> {
  // Never over another one: it may be what this is to be compared with.
  const handle = await open(file, 'wx').catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'EEXIST' ? 'is there already; name another' : 'cannot be written';
    throw new LinewardError('BAD_INPUT', `${file} ${why}`, { cause });
  });
  const body = response.body === null ? Readable.from([]) : Readable.fromWeb(response.body as never);
  await pipeline(body, handle.createWriteStream()).catch(async (cause: unknown) => {
    await rm(file, { force: true });
    throw new LinewardError('BAD_INPUT', `${file} is not whole and was taken away; export it again`, { cause });
  });
}
