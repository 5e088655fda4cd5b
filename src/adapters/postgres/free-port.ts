import { once } from 'node:events';
import { createServer } from 'node:net';
import { LinewardError } from '../../errors/lineward-error.ts';

/** A TCP port of 127.0.0.1 that nobody listened on a moment ago, and none of those that are promised already. */
export async function freePort(promised: readonly number[] = []): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new LinewardError('INTERNAL');
  return promised.includes(address.port) ? freePort(promised) : address.port;
}
