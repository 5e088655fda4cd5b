import { openAsBlob } from 'node:fs';
import { Readable } from 'node:stream';
import { BlobReader, configure, ZipReader } from '@zip.js/zip.js';

configure({ useWebWorkers: false });

/** A file of an archive on disk. */
export interface PackedFile {
  readonly name: string;
  /** Bytes as they come out; fails where they do not fit the checksum of the archive. */
  content(): AsyncIterable<Uint8Array>;
}

/** The files of a zip archive, by its directory; contents are read when asked for. @throws Error when it is none. */
export async function filesOfZip(path: string): Promise<readonly PackedFile[]> {
  const zip = new ZipReader(new BlobReader(await openAsBlob(path)));
  const entries = await zip.getEntries();
  return entries.map((entry) => ({
    name: entry.filename,
    content: () => {
      if (entry.directory) return Readable.from([]);
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      const bytes = Readable.fromWeb(readable as never);
      entry.getData(writable, { checkSignature: true }).catch((error: Error) => bytes.destroy(error));
      return bytes;
    },
  }));
}
