import { connect, type Socket } from 'node:net';

const sockets = 8;
const depth = 32;
const head = Buffer.from('HTTP/1.1 ');

/**
 * GETs of one address a second, over keep-alive connections that are always full: the client does next to nothing, so what is
 * measured is the server.
 */
export async function requestsPerSecond(url: string, seconds: number): Promise<number> {
  const { hostname, port, pathname } = new URL(url);
  const request = `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`;
  let answers = 0;
  const open = await Promise.all(Array.from({ length: sockets }, () => connected(Number(port), hostname)));
  const start = performance.now();
  for (const socket of open) {
    socket.on('data', (chunk: Buffer) => {
      const count = occurrences(chunk);
      answers += count;
      socket.write(request.repeat(count));
    });
    socket.write(request.repeat(depth));
  }
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  const rate = (answers * 1_000) / (performance.now() - start);
  for (const socket of open) socket.destroy();
  return rate;
}

function connected(port: number, host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => resolve(socket));
    socket.on('error', reject);
  });
}

function occurrences(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf(head); at >= 0; at = chunk.indexOf(head, at + head.length)) count += 1;
  return count;
}
