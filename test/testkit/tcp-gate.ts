import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Stands before a server and takes it away from its clients without stopping it. */
export interface TcpGate {
  readonly url: string;
  /** Closes the door: connections break and new ones are refused. */
  close(): Promise<void>;
  /** Connections are taken and never answered. */
  hang(): void;
  open(): Promise<void>;
}

export async function tcpGate(target: string): Promise<TcpGate> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let hanging = false;
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  const server: Server = createServer((incoming) => {
    keep(incoming);
    if (hanging) return;
    const outgoing = connect(Number(port), hostname);
    keep(outgoing);
    incoming.pipe(outgoing).pipe(incoming);
    incoming.once('close', () => outgoing.destroy());
    outgoing.once('close', () => incoming.destroy());
  });
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
  };
  const listen = async (at: number) => {
    server.listen(at, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const ownPort = await listen(0);
  return {
    url: `http://127.0.0.1:${ownPort}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      drop();
      await closed;
    },
    hang() {
      hanging = true;
      drop();
    },
    async open() {
      hanging = false;
      drop();
      if (!server.listening) await listen(ownPort);
    },
  };
}
