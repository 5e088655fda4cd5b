import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

/** Random bytes for many ids at once: a call for each took longer than all else about it. */
const pool = new Uint8Array(16 * 256);
let used = pool.length;
let last = { msecs: 0, seq: 0 };

/** A time-ordered UUIDv7, the primary key of every row. Ids of one process are in the order in which they were made. */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, used + 16);
  used += 16;
  last = after(last, random);
  return v7({ random, ...last });
}

/** A new millisecond begins at a random place of the lower half of the sequence, so that there is room to count up. */
function after({ msecs, seq }: typeof last, random: Uint8Array): typeof last {
  const now = Date.now();
  if (now > msecs) return { msecs: now, seq: new DataView(random.buffer, random.byteOffset).getUint32(6) >>> 1 };
  return seq === 0xffff_ffff ? { msecs: msecs + 1, seq: 0 } : { msecs, seq: seq + 1 };
}
