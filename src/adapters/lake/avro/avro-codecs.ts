import { crc32, deflateRawSync, inflateRawSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { compress, uncompress } from 'snappyjs';

/** Most bytes of a block, as it lies in the file and as it was before it was compressed. */
export const blockBytesMax = 128 * 1024 * 1024;

export interface AvroCodec {
  compress(bytes: Buffer): Buffer;
  /** Fails for damaged data, and for data of more bytes than {@link blockBytesMax}. */
  uncompress(bytes: Buffer): Buffer;
}

const checksumBytes = 4;
const limit = { maxOutputLength: blockBytesMax };

/** Codecs of object container files (Avro 1.12) by their names in the metadata; bzip2 and xz are missing. */
export const avroCodecs: ReadonlyMap<string, AvroCodec> = new Map([
  ['null', { compress: (bytes: Buffer) => bytes, uncompress: (bytes: Buffer) => bytes }],
  ['deflate', { compress: deflateRawSync, uncompress: (bytes: Buffer) => inflateRawSync(bytes, limit) }],
  ['zstandard', { compress: zstdCompressSync, uncompress: (bytes: Buffer) => zstdDecompressSync(bytes, limit) }],
  ['snappy', { compress: snappyBlock, uncompress: snappyContent }],
]);

/** Snappy's own format, and behind it the CRC-32 of what was compressed. */
function snappyBlock(bytes: Buffer): Buffer {
  const checksum = Buffer.alloc(checksumBytes);
  checksum.writeUInt32BE(crc32(bytes));
  return Buffer.concat([compress(bytes), checksum]);
}

function snappyContent(block: Buffer): Buffer {
  const end = block.length - checksumBytes;
  if (end < 0 || snappyLength(block) > blockBytesMax)
    throw new RangeError('no block of Snappy, or one of too many bytes');
  const bytes = uncompress(block.subarray(0, end));
  if (crc32(bytes) !== block.readUInt32BE(end)) throw new RangeError('the checksum of a block is another one');
  return bytes;
}

/** What the block says of its length, in groups of seven bits. */
function snappyLength(block: Buffer): number {
  let length = 0;
  for (const [index, byte] of block.subarray(0, 5).entries()) {
    length += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) break;
  }
  return length;
}
