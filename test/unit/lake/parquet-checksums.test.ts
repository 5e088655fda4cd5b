import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { expectReadable, expectSound } from '../../../src/adapters/lake/parquet/sound-file.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { plainDuckdb } from '../../testkit/plain-table.ts';

const root = mkdtempSync(join(tmpdir(), 'lineward-checksums-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const vector = (name: string): string => `test/vectors/parquet/${name}.parquet`;
const withChecksums = ['checksums-v1', 'checksums-v1-snappy', 'checksums-v2-zstd'];
const scratch = join(root, 'one.parquet');

type Said = (place: number, columns?: readonly string[] | null) => string | null;

/** Gives what is said of a file with one byte turned; null for nothing. Anything but our own error is thrown. */
function turning<T>(name: string, work: (bytes: Buffer, said: Said) => T): T {
  const bytes = readFileSync(vector(name));
  writeFileSync(scratch, bytes);
  const fd = openSync(scratch, 'r+');
  const said: Said = (place, columns = null) => {
    const byte = bytes.subarray(place, place + 1);
    writeSync(
      fd,
      byte.map((value) => value ^ 0xff),
      0,
      1,
      place,
    );
    try {
      expectSound(scratch, columns);
      return null;
    } catch (error) {
      if (error instanceof LinewardError) return String(error.details.reason);
      throw error;
    } finally {
      writeSync(fd, byte, 0, 1, place);
    }
  };
  try {
    return work(bytes, said);
  } finally {
    closeSync(fd);
  }
}

interface Chunk {
  readonly column: string;
  readonly dictionary: bigint | null;
  readonly data: bigint;
  readonly bytes: bigint;
}

/** Where column chunks are, as DuckDB reads the footer. */
const chunksOf = async (name: string): Promise<readonly Chunk[]> =>
  (await plainDuckdb(
    `SELECT path_in_schema AS "column", dictionary_page_offset AS dictionary, data_page_offset AS data, total_compressed_size AS bytes
     FROM parquet_metadata('${vector(name)}')`,
  )) as readonly Chunk[];

describe('Parquet files whose pages carry checksums', () => {
  it.each(withChecksums)('are sound as they were written: %s', (name) => {
    expect(() => expectSound(vector(name), null)).not.toThrow();
  });

  it('are not with any byte of a value turned', () => {
    const turned = turning('checksums-v1', (bytes, said) =>
      Array.from({ length: 100 }, (_, n) => {
        const value = Buffer.from(`\u0004\0\0\0+${String(n).padStart(3, '0')}`);
        const start = bytes.indexOf(value);
        expect(start).toBeGreaterThan(0);
        return Array.from(value, (_byte, place) => said(start + place));
      }).flat(),
    );
    expect(turned).toHaveLength(800);
    for (const reason of turned) expect(reason).toContain('checksum');
  });

  it.each(withChecksums)('are not with the end of a page or of a dictionary turned: %s', async (name) => {
    const chunks = await chunksOf(name);
    expect(chunks).toHaveLength(6);
    turning(name, (_, said) => {
      for (const { dictionary, data, bytes } of chunks) {
        expect(said(Number((dictionary ?? data) + bytes) - 1)).toContain('checksum');
        if (dictionary !== null) expect(said(Number(data) - 1)).toContain('checksum');
      }
    });
  });

  it('are looked at in the columns that are asked for alone', async () => {
    const chunks = await chunksOf('checksums-v1-snappy');
    turning('checksums-v1-snappy', (_, said) => {
      for (const { column, dictionary, data, bytes } of chunks) {
        const last = Number((dictionary ?? data) + bytes) - 1;
        expect(said(last, [column])).toContain('checksum');
        expect(said(last, column === 'n' ? ['to', 'account_sid'] : ['n'])).toBeNull();
      }
    });
  });

  it.each(withChecksums)('are told as damaged, or not at all, whichever byte is turned: %s', (name) => {
    const reasons = turning(name, (bytes, said) => Array.from(bytes, (_, place) => said(place)));
    expect(reasons.filter((reason) => reason !== null).length).toBeGreaterThan(reasons.length * 0.3);
  });

  it.each(withChecksums)('are none where they are cut off: %s', (name) => {
    const bytes = readFileSync(vector(name));
    for (let length = 0; length < bytes.length; length += 97) {
      writeFileSync(scratch, bytes.subarray(0, length));
      expect(() => expectSound(scratch, null)).toThrow('footer');
    }
  });
});

describe('Parquet files that nobody may take for damaged', () => {
  it.each(['encrypted-footer', 'encrypted-key', 'encrypted-other'])('are told as encrypted: %s', (name) => {
    const refused = expect.objectContaining({
      code: 'LAKE_TABLE_REFUSED',
      details: expect.objectContaining({ reason: 'it is encrypted' }),
    });
    expect(() => expectReadable(vector(name))).toThrow(refused);
    expect(() => expectSound(vector(name), ['account_sid'])).toThrow(refused);
  });

  it('are those of DuckDB, with and without rows, of many row groups and of nested columns', async () => {
    const written = [
      'SELECT 1 AS n WHERE FALSE',
      'SELECT NULL::INTEGER AS n FROM range(5)',
      `SELECT range AS n, [range, NULL] AS l, {'a': {'b': 'x' || range}} AS s, MAP {'k': range} AS m FROM range(50_000)`,
      `SELECT repeat('long', 100_000) AS n FROM range(3)`,
    ];
    for (const how of ['COMPRESSION snappy, PARQUET_VERSION V1', 'COMPRESSION zstd, PARQUET_VERSION V2'])
      for (const rows of written) {
        await plainDuckdb(`COPY (${rows}) TO '${scratch}' (FORMAT parquet, ROW_GROUP_SIZE 2048, ${how})`);
        expect(() => expectSound(scratch, null)).not.toThrow();
      }
  });
});
