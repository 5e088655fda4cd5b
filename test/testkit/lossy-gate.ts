import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

/** Stands before a server over HTTP and loses one answer: the request arrives, and the connection breaks instead. */
export interface LossyGate {
  readonly url: string;
  /** The next answer of success to a request of this method is lost. */
  loseAnswerTo(method: string): void;
  readonly lost: number;
  close(): Promise<void>;
}

export async function lossyGate(target: string): Promise<LossyGate> {
  const { hostname, port } = new URL(target);
  let method: string | null = null;
  let lost = 0;
  const server = createServer((incoming) => {
    const outgoing = connect(Number(port), hostname);
    let asked = '';
    incoming.on('data', (bytes) => {
      const line = /^[A-Z]+(?= \/)/u.exec(bytes.toString('latin1'))?.[0];
      if (line !== undefined) asked = line;
    });
    outgoing.on('data', (bytes) => {
      if (asked === method && /^HTTP\/1\.1 20/u.test(bytes.toString('latin1'))) {
        [method, lost] = [null, lost + 1];
        incoming.destroy();
      } else incoming.write(bytes);
    });
    incoming.pipe(outgoing);
    for (const socket of [incoming, outgoing]) socket.on('error', () => {});
    incoming.once('close', () => outgoing.destroy());
    outgoing.once('close', () => incoming.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    loseAnswerTo(lostMethod) {
      method = lostMethod;
    },
    get lost() {
      return lost;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
