import { execFile } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type kafkajs from 'kafkajs';

const version = '2.2.4';

/** kafkajs as it was published, in a directory: a copy of the installed one from which our patch is taken away. */
export async function publishedKafkajs(dir: string): Promise<typeof kafkajs> {
  const place = join(dir, 'node_modules', 'kafkajs');
  await cp(resolve('node_modules', 'kafkajs'), place, { recursive: true });
  await promisify(execFile)('git', ['apply', '--reverse', resolve('patches', `kafkajs+${version}.patch`)], {
    cwd: dir,
  });
  return createRequire(join(dir, 'from.js'))(place);
}
