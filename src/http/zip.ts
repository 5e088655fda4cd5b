import { Readable } from 'node:stream';
import { configure, ZipWriter } from '@zip.js/zip.js';

// Compressed by what Node has, in this thread: worker threads of a library would be ours to stop.
configure({ useWebWorkers: false });

/** A file to be put into an archive. */
export interface ArchivedFile {
  readonly name: string;
  readonly content: AsyncIterable<Uint8Array>;
}

/** The bytes of a zip archive, as its files come; breaks off with the error of the file that fails. */
export function zipOf(files: AsyncIterable<ArchivedFile>): Readable {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const write = async (): Promise<void> => {
    const zip = new ZipWriter(writable, { keepOrder: true });
    for await (const { name, content } of files) await zip.add(name, ReadableStream.from(content));
    await zip.close();
  };
  const writing = write();
  const bytes = Readable.fromWeb(readable as never);
  writing.catch((error: Error) => bytes.destroy(error));
  return bytes;
}
