import { createReadStream } from 'node:fs';

const newline = 10;
const chunkBytes = 256 * 1024;

/** Lines of a file that the engine wrote, without their breaks. A text may hold all that other readers of lines break at. */
export async function* stagedLines(path: string): AsyncGenerator<Buffer> {
  let carried: Buffer[] = [];
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const part = chunk.subarray(start, end);
      yield carried.length === 0 ? part : Buffer.concat([...carried, part]);
      carried = [];
      start = end + 1;
    }
    if (start < chunk.length) carried.push(chunk.subarray(start));
  }
  if (carried.length > 0) yield Buffer.concat(carried);
}
