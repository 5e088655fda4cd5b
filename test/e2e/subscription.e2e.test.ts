import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { PostgresOperationEvents } from '../../src/adapters/postgres/operation-events.ts';
import { newId } from '../../src/domain/id.ts';
import { type Data, documentOf, eventually, register, type TestApp, testApp, webSocketClient } from '../testkit/app.ts';

let app: TestApp;
const unknown = (type: string) => Buffer.from(`${type}:${newId()}`).toString('base64url');

beforeAll(async () => {
  app = await testApp();
});
afterAll(() => app?.stop());

describe('operationUpdated', () => {
  const subscription = 'subscription ($id: ID!) { operationUpdated(id: $id) { id status } }';
  const request = `mutation ($input: RequestErasureInput!) { requestErasure(input: $input) { userErrors { code message } operation { id } } }`;
  const cancel = `mutation ($input: CancelOperationInput!) { cancelOperation(input: $input) { userErrors { code message } operation { id } } }`;

  test('tells the state at once and after each change, and ends when the client leaves', async () => {
    const changes = vi.spyOn(PostgresOperationEvents.prototype, 'changes');
    const { entity } = (await app.done(register, { input: { document: documentOf('Quiet') } })).registerEntityVersion;
    const input = { subjects: [{ accountId: 'AC-live' }], entityId: entity.id };
    const { requestErasure } = await app.done(request, { input });
    const { id } = requestErasure.operation;
    const { node } = await eventually(
      () => app.done('query ($id: ID!) { node(id: $id) { ... on Operation { status } } }', { id }),
      ({ node: { status } }) => status !== 'REQUESTED' && status !== 'PLANNING',
    );
    const client = webSocketClient(app.urls.main);
    const statuses: string[] = [];
    for await (const { data } of client.iterate<Data>({ query: subscription, variables: { id } })) {
      expect(data.operationUpdated.id).toBe(id);
      statuses.push(data.operationUpdated.status);
      if (data.operationUpdated.status === 'CANCELLED') break;
      if (statuses.length === 1) await app.done(cancel, { input: { id } });
    }
    expect([statuses[0], statuses.at(-1)]).toEqual([node.status, 'CANCELLED']);
    const iterator = changes.mock.results[0]?.value as AsyncIterator<void>;
    const next = iterator.next();
    await client.dispose();
    await eventually(
      () => next,
      ({ done }) => done === true,
    );
    changes.mockRestore();
  });

  test('of something that is no operation is an error with a request id', async () => {
    for (const id of [unknown('Operation'), unknown('Entity')]) {
      const client = webSocketClient(app.urls.main);
      const first = await client
        .iterate({ query: subscription, variables: { id } })
        .next()
        .catch((errors) => ({ value: { errors } }));
      expect(first.value.errors).toMatchObject([
        { extensions: { code: 'NOT_FOUND', requestId: expect.stringMatching(/./) } },
      ]);
      await client.dispose();
    }
  });

  test('is not for pages of other sites', async () => {
    const { WebSocket } = await import('ws');
    const open = (origin?: string) =>
      new Promise<string>((done) => {
        const socket = new WebSocket(
          `${app.urls.main.replace('http', 'ws')}/graphql`,
          'graphql-transport-ws',
          origin === undefined ? {} : { origin },
        );
        socket.on('open', () => {
          socket.terminate();
          done('open');
        });
        socket.on('error', (error) => done(error.message));
      });
    expect(await open('https://evil.example')).toContain('401');
    expect(await open('null')).toContain('401');
    expect(await open(app.urls.main)).toBe('open');
    expect(await open()).toBe('open');
  });
});
