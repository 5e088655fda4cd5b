import { existsSync, mkdtempSync } from 'node:fs';
import fs, { rm } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { avroFormat } from '../../../src/adapters/lake/avro/avro-format.ts';
import { LineWriter, readLines } from '../../../src/adapters/lake/ndjson/line-stream.ts';
import { ndjsonFormat } from '../../../src/adapters/lake/ndjson/ndjson-format.ts';
import { ndjson, put, writeAvro } from '../../testkit/record-files.ts';

const root = mkdtempSync(join(tmpdir(), 'lineward-lines-'));
afterAll(() => rm(root, { recursive: true, force: true }));

const records = Array.from({ length: 50_000 }, (_, n) => ({ acc: `A${n}`, n }));
const asked = { keys: ['acc'], date: null };

it('a reader of the first lines alone comes to its end', async () => {
  const path = await put(join(root, 'a.json.gz'), gzipSync(ndjson(records)));
  for (let time = 0; time < 300; time += 1)
    for await (const lines of readLines(path, true)) {
      expect(lines.length).toBeGreaterThan(0);
      break;
    }
});

it('a compressed file is read whole, with all of its bytes, however long the disk takes to tell its size', async () => {
  const bytes = gzipSync(ndjson(records));
  const path = await put(join(root, 'slow.json.gz'), bytes);
  const { stat } = fs;
  fs.stat = (async (...args: Parameters<typeof stat>) => {
    await sleep(100);
    return stat(...args);
  }) as typeof stat;
  syncBuiltinESMExports();
  try {
    let [seen, read] = [0, 0];
    for await (const lines of readLines(path, true, (some) => {
      seen += some.length;
    }))
      read += lines.length;
    expect([seen, read]).toEqual([bytes.length, records.length]);
  } finally {
    fs.stat = stat;
    syncBuiltinESMExports();
  }
});

it('a writer that is broken off makes no file afterwards', async () => {
  for (let time = 0; time < 200; time += 1) {
    const path = join(root, 'broken');
    const writer = new LineWriter(path, time % 2 === 0);
    const writing = writer.write(Buffer.alloc(time * 2_000, 'x')).catch(() => undefined);
    if (time % 3 === 0) await setImmediate();
    await writer.abort();
    await rm(path, { force: true });
    await setImmediate();
    expect(existsSync(path)).toBe(false);
    await Promise.race([writing, setImmediate()]);
  }
});

it('a full disk is a fault of the disk, and of no file', async () => {
  const lines = await put(join(root, 'a.ndjson'), ndjson(records));
  const zipped = await put(join(root, 'b.json.gz'), gzipSync(ndjson(records)));
  const container = join(root, 'c.avro');
  await writeAvro(container, records, { codec: 'null' });
  for (const [format, source] of [
    [ndjsonFormat, lines],
    [ndjsonFormat, zipped],
    [avroFormat, container],
  ] as const)
    await expect(format.copy({ source, staged: '/dev/full' }, asked, () => false)).rejects.toMatchObject({
      code: 'LAKE_ENGINE_FAILED',
      details: { path: '/dev/full' },
    });
});
