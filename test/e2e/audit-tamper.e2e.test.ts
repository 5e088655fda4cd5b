import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { EntityManager } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linkHash, type SealedEvent } from '../../src/domain/audit/sealed-event.ts';
import { type Data, eventually, type TestApp, testApp } from '../testkit/app.ts';

// Whoever owns the database changes the log in it; who has the export, the key and what was published finds where.
const run = promisify(execFile);
const cli = (...args: readonly string[]) => run(process.execPath, ['src/cli/main.ts', ...args]);
const tables = ['audit_event', 'audit_pending', 'audit_seal', 'audit_checkpoint'] as const;

let app: TestApp;
let directory: string;
let publicKey: string;
let head: number;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lineward-tamper-'));
  // Nobody seals yet: the first checkpoint is to answer for all of it.
  app = await testApp({ LINEWARD_ROLES: 'api' });
  const place = `mutation ($matterId: String!) { placeLegalHold(input: { matterId: $matterId, reason: "r", scope: { accountId: "AC1" } }) {
    userErrors { message } } }`;
  for (let n = 0; n < 12; n += 1) await app.done(place, { matterId: `m${n}` });
  await app.restart({ LINEWARD_ROLES: 'api,worker' });
  const proof = await eventually(verification, ({ pending, checkpoints }) => pending === 0 && checkpoints > 0);
  ({ publicKey } = proof);
  // From here on nobody seals: what is in the chain stays as the test makes it.
  await app.restart({ LINEWARD_ROLES: 'api' });
  const [last] = await app.em.fork().execute('select max(seq)::integer as seq from audit_checkpoint');
  head = (last as unknown as { readonly seq: number }).seq;
  for (const table of tables) await asSuperuser(`create table kept_${table} as select * from ${table}`);
});
afterAll(async () => {
  await app?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function verification(): Promise<Data> {
  const query = '{ auditVerification { fault { code seq } links head checkpoints pending publicKey } }';
  return (await app.done(query)).auditVerification;
}

/** Triggers do not hold the superuser. */
function asSuperuser(...statements: readonly string[]): Promise<void> {
  return app.em.fork().transactional(async (tx) => {
    await tx.execute('set local session_replication_role = replica');
    for (const statement of statements) await tx.execute(statement);
  });
}
async function restore(): Promise<void> {
  for (const table of tables)
    await asSuperuser(`delete from ${table}`, `insert into ${table} select * from kept_${table}`);
}
const inSeal = (seq: number): string => `(select event_id from audit_seal where seq = ${seq})`;

/** What the verb says of the log as it is exported now, by the key and the checkpoints that are kept elsewhere. */
async function offline(file: string): Promise<string> {
  const path = join(directory, `${file}.ndjson`);
  await cli('audit', 'export', path, '--url', app.urls.main);
  const published = join(app.lakeRoot, '..', 'ledger', 'audit');
  return cli('audit', 'verify', path, '--public-key', publicKey, '--checkpoints', published).then(
    ({ stdout }) => stdout,
    ({ stderr }: { readonly stderr: string }) => stderr,
  );
}

/** As somebody would who knows how the chain is made: every hash behind the change fits again. */
async function hashAnew(em: EntityManager, from: number, change: (record: string) => string): Promise<void> {
  const links = await em.execute<SealedEvent[]>(
    'select seq::integer, record, prev, hash from audit_seal where seq >= ? order by seq',
    [from],
  );
  let prev = links[0]?.prev ?? '';
  for (const [index, { seq, record: before }] of links.entries()) {
    const record = index === 0 ? change(before) : before;
    const hash = linkHash(seq, prev, record);
    await em.execute('update audit_seal set record = ?, prev = ?, hash = ? where seq = ?', [record, prev, hash, seq]);
    prev = hash;
  }
}

describe('a file of a log that its database owner', () => {
  test('left alone is valid', async () => {
    expect(head).toBeGreaterThan(10);
    expect(await offline('whole')).toMatch(/^valid +audit log of/);
    expect((await verification()).fault).toBeNull();
  });

  const change = `update audit_seal set record = replace(record, 'placeLegalHold', 'releaseLegalHold') where seq = 5`;
  const swap = 'update audit_seal set seq = case seq when 5 then 10005 when 6 then 10006 end where seq in (5, 6)';
  const cut = 'delete from audit_seal where seq > 5';
  const shift = (by: number): string => `update audit_seal set seq = seq + ${by} where seq >= 6`;
  test.each<[name: string, statements: readonly string[], code: string, seq: () => number]>([
    ['changed', [change], 'RECORD_CHANGED', () => 5],
    [
      'deleted from',
      [`delete from audit_event where id = ${inSeal(5)}`, 'delete from audit_seal where seq = 5'],
      'GAP',
      () => 5,
    ],
    ['swapped in', [swap, 'update audit_seal set seq = 10011 - seq where seq > 10000'], 'CHAIN_BROKEN', () => 5],
    ['cut the end off', [cut], 'TRUNCATED', () => 6],
    ['cut the end off, and its checkpoints', [cut, 'delete from audit_checkpoint where seq > 5'], 'TRUNCATED', () => 6],
    ['emptied', tables.map((table) => `delete from ${table}`), 'TRUNCATED', () => 1],
    [
      'put something into',
      [
        ...[shift(10_000), shift(-9_999)],
        `insert into audit_seal select 6, 'forged', replace(record, 'm0', 'm9'), hash, md5('x') || md5('y'), sealed_at from audit_seal where seq = 5`,
      ],
      'RECORD_CHANGED',
      () => 6,
    ],
  ])('%s is refused with the first bad sequence number', async (name, statements, code, seq) => {
    await asSuperuser(...statements);
    try {
      expect(await offline(name)).toMatch(
        new RegExp(`AUDIT_LOG_INVALID: .*first bad sequence number ${seq()}\\. ${code}`),
      );
      expect((await verification()).fault).toEqual({ code, seq: seq() });
    } finally {
      await restore();
    }
  });

  test('hashed anew from a change on is refused by the checkpoints, in it and elsewhere', async () => {
    await app.em.fork().transactional(async (tx) => {
      await tx.execute('set local session_replication_role = replica');
      await tx.execute(`update audit_event set action = 'releaseLegalHold' where id = ${inSeal(5)}`);
      await hashAnew(tx, 5, (record) => record.replace('placeLegalHold', 'releaseLegalHold'));
    });
    try {
      const [first] = await app.em
        .fork()
        .execute('select min(seq)::integer as seq from audit_checkpoint where seq >= 5');
      const [before] = await app.em
        .fork()
        .execute('select coalesce(max(seq), 0)::integer + 1 as seq from audit_checkpoint where seq < 5');
      expect(first).toBeDefined();
      const { seq } = before as unknown as { readonly seq: number };
      const refused = new RegExp(`first bad sequence number ${seq}\\. CHECKPOINT_MISMATCH`);
      expect(await offline('anew')).toMatch(refused);
      expect((await verification()).fault).toEqual({ code: 'CHECKPOINT_MISMATCH', seq });
      await asSuperuser('delete from audit_checkpoint');
      expect(await offline('anew-without')).toMatch(refused);
    } finally {
      await restore();
    }
  });

  test('changed beside the chain is valid, for it is made of what was sealed; the service names the event', async () => {
    await asSuperuser(`update audit_event set actor_id = 'nobody' where id = ${inSeal(5)}`);
    try {
      expect(await offline('beside')).toMatch(/^valid +audit log of/);
      expect((await verification()).fault).toEqual({ code: 'EVENT_CHANGED', seq: 5 });
    } finally {
      await restore();
    }
  });
});
