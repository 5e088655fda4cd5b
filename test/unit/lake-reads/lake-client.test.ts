import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { LakeClient, type LakeReadColumn, type LakeRow } from '../../../packages/lake-client/src/index.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A service that answers as it is told: grants one after the other, and their rows. */
async function service(answers: { readonly open: readonly Answer[]; readonly rows: readonly Answer[] }) {
  const asked = { open: 0, rows: 0, bodies: [] as string[], tokens: [] as (string | undefined)[] };
  server = createServer((request, response) => {
    const kind = request.method === 'POST' ? 'open' : 'rows';
    const answer = answers[kind][Math.min(asked[kind], answers[kind].length - 1)];
    asked[kind] += 1;
    asked.tokens.push(request.headers.authorization);
    request.on('data', (bytes) => asked.bodies.push(String(bytes))).on('end', () => answer?.(request, response));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server?.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return { asked, client: new LakeClient({ url: `http://127.0.0.1:${port}`, token: 'secret' }) };
}

const column = (name: string, type: string, form: LakeReadColumn['form'], masked = false): LakeReadColumn => ({
  ...{ name, type, form, masked },
  semanticType: null,
  classifications: [],
});
const id = column('id', 'BIGINT', 'EXACT');
const grant = (columns: readonly LakeReadColumn[] = [id], number = 1) => ({
  ...{
    id: `r${number}`,
    access: 'ROWS',
    entity: 'A.B',
    entityVersion: 1,
    dataset: 'd',
    table: 't',
    columns,
    files: [],
  },
  ...{ dateField: null, from: null, to: null, filesPruned: 0, expiresAt: '2030-01-01T00:00:00Z' },
  rows: `/api/v1/lake/reads/r${number}/rows`,
});
const json =
  (status: number, body: unknown): Answer =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const lines =
  (...texts: readonly string[]): Answer =>
  (_request, response) => {
    for (const text of texts) response.write(text);
    response.end();
  };
const changed = { code: 'LAKE_FILE_CHANGED', message: 'changed', retryable: true };
const all = async (rows: AsyncIterable<LakeRow>): Promise<LakeRow[]> => {
  const found: LakeRow[] = [];
  for await (const row of rows) found.push(row);
  return found;
};

describe('the lake client', () => {
  test('reads values of all forms, exactly, however the answer is cut', async () => {
    const columns = [
      id,
      column('text', 'VARCHAR', 'TEXT'),
      column('ratio', 'DOUBLE', 'NUMBER'),
      column('price', 'DECIMAL(20,2)', 'EXACT'),
      column('bytes', 'BLOB', 'BYTES'),
      column('tags', 'JSON', 'JSON'),
      column('hidden', 'BIGINT', 'EXACT', true),
    ];
    const text = `["9007199254740993","a\\n✓",1.5,"0.10","YWI=",{"k":[1]},null]\n[null,null,"nan",null,null,null,null]\n{"end":{"rows":2}}\n`;
    const bytes = [...Buffer.from(text)].map((byte) => Buffer.from([byte]));
    const { client, asked } = await service({
      open: [json(201, grant(columns))],
      rows: [
        (_request, response) => {
          for (const byte of bytes) response.write(byte);
          response.end();
        },
      ],
    });
    const read = await client.open({ entity: 'A.B', from: '2018-06-01' });
    expect(await all(read)).toEqual([
      {
        ...{ id: 9007199254740993n, text: 'a\n✓', ratio: 1.5, price: '0.10', bytes: Buffer.from('ab') },
        ...{ tags: { k: [1] }, hidden: null },
      },
      { id: null, text: null, ratio: Number.NaN, price: null, bytes: null, tags: null, hidden: null },
    ]);
    expect(asked.bodies).toEqual(['{"entity":"A.B","from":"2018-06-01"}']);
    expect(asked.tokens).toEqual(['Bearer secret', 'Bearer secret']);
  });

  test('opens a read anew, once, when files were replaced before its first row', async () => {
    const { client, asked } = await service({
      open: [json(201, grant()), json(201, grant([id], 2))],
      rows: [json(409, changed), lines('["1"]\n{"end":{"rows":1}}\n')],
    });
    const read = await client.open({ table: 't' });
    expect(await all(read)).toEqual([{ id: 1n }]);
    expect([asked.open, asked.rows, read.grant.id]).toEqual([2, 2, 'r2']);
  });

  test('gives up when they are replaced again, and at once when rows have gone out', async () => {
    const again = await service({ open: [json(201, grant())], rows: [json(409, changed)] });
    await expect(all(await again.client.open({ table: 't' }))).rejects.toMatchObject(changed);
    expect([again.asked.open, again.asked.rows]).toEqual([2, 2]);
    server?.close();
    const late = await service({
      open: [json(201, grant())],
      rows: [lines('["1"]\n', `${JSON.stringify({ error: changed })}\n`)],
    });
    const rows = (await late.client.open({ table: 't' })).rows();
    expect(await rows.next()).toEqual({ done: false, value: { id: 1n } });
    await expect(rows.next()).rejects.toMatchObject(changed);
    expect(late.asked.open).toBe(1);
  });

  test('takes no answer for whole that has no end', async () => {
    const cut = await service({ open: [json(201, grant())], rows: [lines('["1"]\n["2"]\n')] });
    const rows = (await cut.client.open({ table: 't' })).rows();
    await rows.next();
    await rows.next();
    await expect(rows.next()).rejects.toMatchObject({ code: 'INCOMPLETE', retryable: true });
    server?.close();
    const torn = await service({
      open: [json(201, grant())],
      rows: [
        (_request, response) => {
          response.write('["1"]\n["', () => response.destroy());
        },
      ],
    });
    await expect(all(await torn.client.open({ table: 't' }))).rejects.toMatchObject({ code: 'INCOMPLETE' });
  });

  test('asks a busy service again, and tells what is refused with where the fault is', async () => {
    const busy = { code: 'LAKE_READS_BUSY', message: 'busy', retryable: true };
    const { client, asked } = await service({
      open: [json(201, grant())],
      rows: [json(503, busy), lines('{"end":{"rows":0}}\n')],
    });
    expect(await all(await client.open({ table: 't' }))).toEqual([]);
    expect(asked.rows).toBe(2);
    server?.close();
    const refusing = await service({
      open: [json(400, { code: 'BAD_INPUT', message: 'from: no day', path: ['from'], retryable: false })],
      rows: [],
    });
    await expect(refusing.client.open({ from: 'x' })).rejects.toMatchObject({
      ...{ name: 'LakeReadError', code: 'BAD_INPUT', message: 'from: no day', path: ['from'], retryable: false },
    });
    const nobody = new LakeClient({ url: 'http://127.0.0.1:1' });
    await expect(nobody.open({ table: 't' })).rejects.toMatchObject({ code: 'UNREACHABLE', retryable: true });
  });
});
