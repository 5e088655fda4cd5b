import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { socketLimits } from '../../src/http/graphql/open-sockets.ts';
import { type Data, eventually, type TestApp, testApp, webSocketClient } from '../testkit/app.ts';

const root = 'the-root-token-of-socket-floods';
let app: TestApp;
beforeAll(async () => {
  app = await testApp({ LINEWARD_API_TOKEN: root });
});
afterAll(() => app?.stop());

const connect = async (): Promise<WebSocket> => {
  const socket = new WebSocket(`${app.urls.main.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  await once(socket, 'open');
  return socket;
};
/** What the server says first; a code where it closes. */
const said = (socket: WebSocket): Promise<Data> =>
  Promise.race([
    once(socket, 'message').then(([text]) => JSON.parse(String(text))),
    once(socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) })),
  ]);
const init = (socket: WebSocket): void =>
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${root}` } }));

test('an actor has so many connections, and gets another when one is closed', async () => {
  const open: WebSocket[] = [];
  try {
    for (let count = 0; count < socketLimits.connectionsOfActor; count += 1) {
      const socket = await connect();
      init(socket);
      expect(await said(socket)).toEqual({ type: 'connection_ack' });
      open.push(socket);
    }
    const refused = await connect();
    init(refused);
    expect(await said(refused)).toEqual({ code: 4429, reason: 'Too many connections of this actor' });
    const [first] = open;
    first?.close();
    await eventually(
      async () => {
        const socket = await connect();
        init(socket);
        const answer = await said(socket);
        if (answer.type === 'connection_ack') open.push(socket);
        return answer;
      },
      ({ type }) => type === 'connection_ack',
    );
  } finally {
    for (const socket of open) socket.terminate();
  }
});

test('a connection that never says whose it is, says too much, or says it twice is closed', async () => {
  const [silent, twice, large] = await Promise.all([connect(), connect(), connect()]);
  for (const socket of [twice, twice]) init(socket);
  large.send(JSON.stringify({ type: 'connection_init', payload: { authorization: 'x'.repeat(1024 * 1024) } }));
  const codes = await Promise.all([silent, twice, large].map(async (socket) => (await once(socket, 'close'))[0]));
  expect(codes).toEqual([4408, 4429, 1009]);
});

test('a connection has so many operations under way', async () => {
  const client = webSocketClient(app.urls.main, root);
  const query = 'subscription { changed { seq } }';
  const errors: Data[] = [];
  const begin = (): void =>
    void client.subscribe({ query }, { next: () => {}, error: (error) => errors.push(error), complete: () => {} });
  for (let count = 0; count < socketLimits.operationsOfConnection; count += 1) begin();
  expect(
    (
      (await client
        .iterate<Data>({ query: '{ me { actorId } }' })
        .next()
        .catch((error) => ({ error }))) as Data
    ).error,
  ).toMatchObject([
    { message: expect.stringContaining('at most 100 operations'), extensions: { code: 'LIMIT_EXCEEDED' } },
  ]);
  expect(errors).toEqual([]);
  await client.dispose();
});

test('what is pinged before anybody knows who does, or is not read, is not answered from memory', async () => {
  const stranger = await connect();
  const closed = once(stranger, 'close');
  for (let sent = 0; sent < 20; sent += 1)
    stranger.send(JSON.stringify({ type: 'ping', payload: { text: 'x'.repeat(500_000) } }));
  const pongs: unknown[] = [];
  stranger.on('message', (text) => pongs.push(text));
  expect((await closed)[0]).toBe(1006);
  expect(pongs).toEqual([]);
  const known = await connect();
  init(known);
  expect(await said(known)).toEqual({ type: 'connection_ack' });
  known.send(JSON.stringify({ type: 'ping' }));
  expect(await said(known)).toEqual({ type: 'pong' });
  known.terminate();
});

test('strangers of one address do not take the connections of all, and theirs are free again in moments', async () => {
  const strangers = await Promise.all(Array.from({ length: socketLimits.unknownOfAddress }, connect));
  await expect(connect()).rejects.toThrow('503');
  await eventually(
    async () => {
      const socket = await connect().catch(() => null);
      if (socket === null) return null;
      init(socket);
      const answer = await said(socket);
      socket.terminate();
      return answer;
    },
    (answer) => answer?.type === 'connection_ack',
  );
  for (const socket of strangers) socket.terminate();
});
