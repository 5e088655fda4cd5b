import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, eventually, type TestApp, testApp } from '../testkit/app.ts';
import { type CryptoPath, cryptoJson, cryptoLines, eventsOf, linesOf } from '../testkit/crypto.ts';

let app: TestApp;
const logged: string[] = [];
beforeAll(async () => {
  app = await testApp({ LOG_LEVEL: 'warn' }, { write: (line) => logged.push(line) });
});
afterAll(() => app?.stop());

/** A request whose body the caller writes. */
function openRequest(path: CryptoPath): { outgoing: ClientRequest; response: Promise<IncomingMessage> } {
  const outgoing = request(`${app.urls.main}/api/v1/crypto:${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson; charset=utf-8' },
  });
  const response = once(outgoing, 'response').then(([incoming]) => incoming as IncomingMessage);
  return { outgoing, response };
}

const phones = (count: number): Data[] =>
  Array.from({ length: count }, (_, index) => ({
    ref: String(index),
    accountId: `AC${index % 3}`,
    type: 'phonenumber',
    value: `+1415${String(index).padStart(7, '0')}`,
  }));
const openItems = (sealed: readonly Data[], items: readonly Data[]): Data[] =>
  sealed.map(({ ref, value }, index) => ({ ref, accountId: items[index].accountId, value }));

describe('the examples of the talk', () => {
  test('hold to the letter as one item, as a list and as lines', async () => {
    const items = ['+11234567890', '+351234567890'].map((value) => ({ type: 'phonenumber', value }));
    const shown = ['+1123456XXXX', '+35123456XXXX'].map((value) => ({ ref: null, ok: true, value }));
    expect((await cryptoJson(app, 'redact', items[0])).body).toEqual(shown[0]);
    expect((await cryptoJson(app, 'redact', items)).body).toEqual(shown);
    expect(await cryptoLines(app, 'redact', linesOf(items))).toEqual(shown);
    const seals = items.map((item) => ({ ...item, accountId: 'AC1' }));
    const one = (await cryptoJson(app, 'seal', seals[0])).body;
    const list = (await cryptoJson(app, 'seal', seals)).body;
    const lines = await cryptoLines(app, 'seal', linesOf(seals));
    for (const { value } of [one, ...list, ...lines]) expect(value).toMatch(/^eyJjcnlwdG9faWQiOjEsInNpZCI6/);
    const opens = lines.map(({ value }) => ({ accountId: 'AC1', value }));
    const opened = await cryptoLines(app, 'open?purpose=talk', linesOf(opens));
    expect(opened.map(({ value }) => value)).toEqual(['+11234567890', '+351234567890']);
  });
});

describe('lines of values', () => {
  test('go there and back in order, over batches and accounts', async () => {
    const items = phones(25_000);
    const sealed = await cryptoLines(app, 'seal', linesOf(items));
    expect(sealed.map(({ ref }) => ref)).toEqual(items.map(({ ref }) => ref));
    const opened = await cryptoLines(app, 'open?purpose=test', linesOf(openItems(sealed, items)));
    expect(opened.map(({ value }) => value)).toEqual(items.map(({ value }) => value));
  });

  test('leave one event per batch and account', async () => {
    const items = phones(10_001).map((item) => ({ ...item, accountId: `events-${item.accountId}` }));
    await cryptoLines(app, 'seal', linesOf(items));
    const events = (await eventsOf(app, 'encrypt')).filter(({ details }) => details.accountId.startsWith('events-'));
    expect(events.map(({ details }) => [details.accountId, details.values])).toEqual([
      ['events-AC0', 3_334],
      ['events-AC1', 3_333],
      ['events-AC2', 3_333],
      ['events-AC1', 1],
    ]);
  });

  test('need no line break at the end, skip blank lines and take carriage returns', async () => {
    const [one, two] = linesOf(phones(2)).split('\n');
    for (const body of [`${one}\n${two}`, `\n\r\n${one}\r\n  \n${two}\r\n`])
      expect((await cryptoLines(app, 'redact', body)).map(({ ref }) => ref)).toEqual(['0', '1']);
    expect(await cryptoLines(app, 'redact', '')).toEqual([]);
  });

  test('that are bad are answered in their place, and a cut one at the end too', async () => {
    const [one, two, three] = phones(3).map((item) => JSON.stringify(item));
    const body = [one, 'no json', two, '{"type":"phonenumber"}', three, one?.slice(0, 20)].join('\n');
    expect((await cryptoLines(app, 'redact', body)).map(({ ref, ok, code }) => [ref, ok ? null : code])).toEqual([
      ['0', null],
      [null, 'BAD_INPUT'],
      ['1', null],
      [null, 'BAD_INPUT'],
      ['2', null],
      [null, 'BAD_INPUT'],
    ]);
  });

  test('that are too long are answered in their place, and no more of them is kept than the limit', async () => {
    const [one, two] = phones(2).map((item) => JSON.stringify(item));
    const long = 'x'.repeat(3 * 1024 * 1024);
    const body = [long, one, `${long}${long}`, long, two, long].join('\n');
    const answers = await cryptoLines(app, 'redact', body);
    expect(answers.map(({ ref, ok, code }) => [ref, ok ? null : code])).toEqual([
      [null, 'LIMIT_EXCEEDED'],
      ['0', null],
      [null, 'LIMIT_EXCEEDED'],
      [null, 'LIMIT_EXCEEDED'],
      ['1', null],
      [null, 'LIMIT_EXCEEDED'],
    ]);
  });

  test('keep characters that a chunk of the body cuts', async () => {
    const { outgoing, response } = openRequest('seal');
    const body = Buffer.from(linesOf([{ ref: 'é👋', accountId: 'AC1', value: 'Grüße 👋' }]));
    for (const byte of body) outgoing.write(Buffer.of(byte));
    outgoing.end();
    const [answer] = await (await response).map((chunk) => JSON.parse(String(chunk))).toArray();
    expect(answer).toMatchObject({ ref: 'é👋', ok: true });
    const opens = linesOf([{ accountId: 'AC1', value: answer.value }]);
    expect(await cryptoLines(app, 'open?purpose=test', opens)).toMatchObject([{ value: 'Grüße 👋' }]);
  });

  test('are not read without a purpose', async () => {
    for (const path of ['open', 'open?purpose=', 'open?purpose=a&purpose=b'] as const) {
      const [answer] = await cryptoLines(app, path, linesOf(phones(1)));
      expect(answer).toMatchObject({ code: 'BAD_INPUT' });
    }
  });

  test('as a list are at most 10,000', async () => {
    const { status, body } = await cryptoJson(
      app,
      'redact',
      Array.from({ length: 10_001 }, () => 1),
    );
    expect([status, body.code]).toEqual([413, 'LIMIT_EXCEEDED']);
  });
});

describe('a long stream', () => {
  test('of 100,000 lines of 1 KB stays in order and in flat memory', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const usedMb = (): number => {
      collect();
      const { heapUsed, external, arrayBuffers } = process.memoryUsage();
      return (heapUsed + external + arrayBuffers) / 1024 / 1024;
    };
    const padding = 'x'.repeat(1_000);
    const lines = function* (): Generator<string> {
      for (let index = 0; index < 100_000; index += 1)
        yield `{"ref":"${index}","accountId":"AC1","value":"${index} ${padding}"}\n`;
    };
    const before = usedMb();
    const { outgoing, response } = openRequest('seal');
    Readable.from(lines()).pipe(outgoing);
    let count = 0;
    let highestMb = 0;
    for await (const line of createInterface({ input: await response })) {
      if (!line.startsWith(`{"ref":"${count}","ok":true,"value":"eyJj`))
        throw new Error(`line ${count} is out of order`);
      count += 1;
      if (count % 10_000 === 5_000) highestMb = Math.max(highestMb, usedMb());
    }
    expect(count).toBe(100_000);
    // All lines with their answers are 250 MB.
    expect(highestMb - before).toBeLessThan(80);
  });

  test('whose client goes away ends, and leaves nothing behind', async () => {
    const { outgoing, response } = openRequest('seal');
    outgoing.on('error', () => {});
    const accountId = 'AC-gone';
    const line = `${JSON.stringify({ accountId, value: 'x'.repeat(500) })}\n`;
    Readable.from(
      (function* () {
        for (;;) yield line;
      })(),
    ).pipe(outgoing);
    const incoming = await response;
    incoming.on('error', () => {});
    await once(incoming, 'data');
    outgoing.destroy();
    const events = async (): Promise<number> =>
      (await eventsOf(app, 'encrypt')).filter(({ details }) => details.accountId === accountId).length;
    await eventually(
      async () => {
        const before = await events();
        await sleep(300);
        return (await events()) - before;
      },
      (more) => more === 0,
    );
    expect((await cryptoJson(app, 'redact', phones(1))).body).toMatchObject([{ ok: true }]);
    expect(logged).toEqual([]);
  });

  test('that breaks off before its end gets answers for what came', async () => {
    const { outgoing, response } = openRequest('redact');
    outgoing.on('error', () => {});
    outgoing.write(linesOf(phones(20_000)));
    const incoming = await response;
    incoming.on('error', () => {});
    expect(String((await once(incoming, 'data'))[0])).toContain('{"ref":"0","ok":true');
    outgoing.destroy();
    expect((await cryptoJson(app, 'redact', phones(1)[0])).body).toMatchObject({ ok: true, value: '+1415000XXXX' });
    expect(logged).toEqual([]);
  });
});
