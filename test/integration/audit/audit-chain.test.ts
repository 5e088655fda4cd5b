import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CheckpointDirectory } from '../../../src/adapters/audit/checkpoint-directory.ts';
import { LocalNotary } from '../../../src/adapters/keys/local/local-notary.ts';
import { openDatabase } from '../../../src/adapters/postgres/orm.ts';
import type { Logger } from '../../../src/domain/logger.ts';
import { audit } from '../../../src/services/audit/audit.service.ts';
import { AuditCheckpoints } from '../../../src/services/audit/audit-checkpoints.ts';
import { AuditExport } from '../../../src/services/audit/audit-export.ts';
import { AuditSealer } from '../../../src/services/audit/audit-sealer.ts';
import { AuditVerifier } from '../../../src/services/audit/audit-verification.ts';
import { quietLogger, tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

let database: TestDatabase;
let directory: string;
let notary: LocalNotary;

beforeEach(async () => {
  told = [];
  database = await testDatabase();
  directory = await mkdtemp(join(tmpdir(), 'lineward-audit-'));
  notary = await LocalNotary.open(join(directory, 'keys'));
});
afterEach(async () => {
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});

let told: string[];
const logger: Logger = { ...quietLogger, error: (_facts, message) => told.push(message) };
const sink = () => new CheckpointDirectory(join(directory, 'published'));
const sealer = () => new AuditSealer({ em: database.em });
const checkpoints = (intervalMs = 0) =>
  new AuditCheckpoints({ em: database.em, notary, sink: sink(), intervalMs, logger });
const verify = (after = 0) => new AuditVerifier({ em: database.em, notary, sink: sink() }).verify(after);

async function write(count: number, em = database.em): Promise<void> {
  await em.fork().transactional(async (tx) => {
    for (let n = 0; n < count; n += 1)
      audit(tx, tester, {
        action: 'mapEntity',
        resourceType: 'Entity',
        resourceId: `e${n}`,
        details: { n, text: 'Zoë 🚀 "quoted"', ratio: 0.1, big: 2 ** 53, list: [1, { a: null }] },
      });
  });
}
/** What the superuser of the database can do: triggers do not hold him. */
async function asSuperuser(...statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query(`set session_replication_role = replica`);
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
const links = () =>
  database.em.fork().execute<{ seq: string; event_id: string }[]>('select seq, event_id from audit_seal order by seq');

describe('sealing', () => {
  it('seals what was there before, and each event once', async () => {
    await write(3);
    await sealer().seal();
    await write(2);
    await sealer().seal();
    await sealer().seal();
    expect((await links()).map(({ seq }) => Number(seq))).toEqual([1, 2, 3, 4, 5]);
    expect(await verify()).toMatchObject({ fault: null, links: 5, head: 5, verifiedTo: 5, pending: 0, checkpoints: 0 });
  });

  it('takes more than one batch', async () => {
    await database.em.fork().execute(
      `insert into audit_event (id, at, actor_id, actor_kind, action, resource_type, outcome)
       select 'bulk-' || lpad(n::text, 6, '0'), now(), 'a', 'local', 'x', 'y', 'SUCCESS' from generate_series(1, 12000) n`,
    );
    await sealer().seal();
    expect(await verify()).toMatchObject({ fault: null, links: 12_000, pending: 0 });
    expect(await verify(11_990)).toMatchObject({ fault: null, links: 10, verifiedTo: 12_000 });
    await expect(verify(12_001)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('never passes over an event whose transaction commits late, and leaves out what was rolled back', async () => {
    let commit = (): void => {};
    const isOpen = new Promise<void>((resolve) => {
      commit = resolve;
    });
    let written = (): void => {};
    const isWritten = new Promise<void>((resolve) => {
      written = resolve;
    });
    const late = database.em.fork().transactional(async (tx) => {
      audit(tx, tester, { action: 'unmapEntity', resourceType: 'Entity', resourceId: null });
      await tx.flush();
      written();
      await isOpen;
    });
    await isWritten;
    await write(2);
    await sealer().seal();
    expect(await links()).toHaveLength(2);
    commit();
    await late;
    await database.em
      .fork()
      .transactional(async (tx) => {
        audit(tx, tester, { action: 'describeEntity', resourceType: 'Entity', resourceId: null });
        await tx.flush();
        throw new Error('undo');
      })
      .catch(() => {});
    await sealer().seal();
    expect(await links()).toHaveLength(3);
    expect(await verify()).toMatchObject({ fault: null, links: 3 });
  });

  it('by many writers and several sealers at once is one chain with every event', async () => {
    const others = await Promise.all([openDatabase(database.url), openDatabase(database.url)]);
    try {
      const sealers = [database.em, ...others.map(({ em }) => em)].map((em) => new AuditSealer({ em }));
      let isWriting = true;
      const sealing = sealers.map(async (one) => {
        while (isWriting) await one.seal();
      });
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          for (let round = 0; round < 10; round += 1) await write(5);
        }),
      );
      isWriting = false;
      await Promise.all(sealing);
      await sealer().seal();
      expect(await links()).toHaveLength(400);
      expect(await verify()).toMatchObject({ fault: null, links: 400, pending: 0 });
    } finally {
      for (const other of others) await other.close();
    }
  });

  it('and its rows cannot be changed by the product', async () => {
    await write(1);
    await sealer().seal();
    await checkpoints().keepUp();
    const em = database.em.fork();
    for (const statement of [
      `update audit_seal set record = 'x'`,
      'delete from audit_seal',
      'truncate audit_seal',
      `update audit_event set action = 'x'`,
      'delete from audit_checkpoint',
      `update audit_checkpoint set body = 'x'`,
      'update audit_checkpoint set published_at = null',
      'truncate audit_checkpoint',
    ])
      await expect(em.execute(statement), statement).rejects.toThrow(/never changed/);
    expect(await verify()).toMatchObject({ fault: null, links: 1, checkpoints: 1 });
  });
});

describe('checkpoints', () => {
  it('are made when they are due, published once, and never without a new link', async () => {
    await checkpoints().keepUp();
    expect(await sink().checkpoints()).toEqual([]);
    await write(3);
    await sealer().seal();
    await checkpoints(3_600_000).keepUp();
    await write(3);
    await sealer().seal();
    await checkpoints(3_600_000).keepUp();
    expect((await sink().checkpoints()).map(({ body }) => body.seq)).toEqual([3]);
    await checkpoints().keepUp();
    await checkpoints().keepUp();
    expect((await sink().checkpoints()).map(({ body }) => [body.number, body.seq])).toEqual([
      [1, 3],
      [2, 6],
    ]);
    expect(await verify()).toMatchObject({ fault: null, checkpoints: 2, links: 6 });
    expect((await verify(3)).fault).toBeNull();
    expect((await verify(1)).fault).toBeNull();
  });

  it('that could not be published are published later, and a draft left by a kill is no harm', async () => {
    const failing = { publish: () => Promise.reject(new Error('read-only')), checkpoints: async () => [] };
    await write(1);
    await sealer().seal();
    const broken = new AuditCheckpoints({ em: database.em, notary, sink: failing, intervalMs: 0, logger });
    await expect(broken.keepUp()).rejects.toThrow('read-only');
    await checkpoints().keepUp();
    await writeFile(join(directory, 'published', 'x.draft'), '{"half');
    const [published] = await sink().checkpoints();
    expect(published?.body).toMatchObject({ number: 1, seq: 1 });
    await expect(sink().publish(published as never)).resolves.toBeUndefined();
    const other = { ...(published as NonNullable<typeof published>), signature: 'x' };
    await expect(sink().publish(other)).rejects.toMatchObject({ code: 'AUDIT_CHECKPOINT_REFUSED' });
    expect((await readdir(join(directory, 'published'))).filter((name) => name.endsWith('.draft'))).toEqual([
      'x.draft',
    ]);
  });

  it('by several processes at once are one row of them', async () => {
    await write(5);
    await sealer().seal();
    await Promise.all(Array.from({ length: 6 }, () => checkpoints().keepUp()));
    expect(await verify()).toMatchObject({ fault: null, checkpoints: 1 });
  });
});

describe('what the superuser of the database does is found', () => {
  beforeEach(async () => {
    await write(6);
    await sealer().seal();
    await checkpoints().keepUp();
    await write(4);
    await sealer().seal();
    await checkpoints().keepUp();
    expect(await verify()).toMatchObject({ fault: null, links: 10, checkpoints: 2 });
  });

  it.each([
    [
      'an event changed',
      `update audit_event set actor_id = 'nobody' where id = (select event_id from audit_seal where seq = 4)`,
      'EVENT_CHANGED',
      4,
    ],
    [
      'a detail changed',
      `update audit_event set details = details || '{"n": 99}' where id = (select event_id from audit_seal where seq = 4)`,
      'EVENT_CHANGED',
      4,
    ],
    [
      'an event deleted',
      'delete from audit_event where id = (select event_id from audit_seal where seq = 4)',
      'EVENT_MISSING',
      4,
    ],
    [
      'a link and its event deleted',
      'with gone as (delete from audit_seal where seq = 4 returning event_id) delete from audit_event where id in (select event_id from gone)',
      'GAP',
      4,
    ],
    [
      'a record changed',
      `update audit_seal set record = replace(record, 'mapEntity', 'other') where seq = 4`,
      'RECORD_CHANGED',
      4,
    ],
    [
      'two links swapped',
      'update audit_seal set seq = case seq when 4 then 105 when 5 then 104 end where seq in (4, 5); update audit_seal set seq = seq - 100 where seq > 100',
      'CHAIN_BROKEN',
      4,
    ],
    [
      'the end cut off',
      'delete from audit_event where id in (select event_id from audit_seal where seq > 8); delete from audit_seal where seq > 8',
      'TRUNCATED',
      9,
    ],
    [
      'the last checkpoint deleted',
      'delete from audit_checkpoint where number = 2; delete from audit_seal where seq > 8',
      'TRUNCATED',
      9,
    ],
    [
      'everything emptied',
      'delete from audit_event; delete from audit_seal; delete from audit_checkpoint',
      'TRUNCATED',
      1,
    ],
    [
      'an event put in',
      `insert into audit_event (id, at, actor_id, actor_kind, action, resource_type, outcome) values ('forged', now(), 'a', 'local', 'x', 'y', 'SUCCESS')`,
      'EVENT_UNSEALED',
      11,
    ],
    [
      'a checkpoint made unreadable',
      `update audit_checkpoint set body = '{"half' where number = 1`,
      'CHECKPOINT_INVALID',
      1,
    ],
    ['a checkpoint moved', 'update audit_checkpoint set seq = 9 where number = 1', 'CHECKPOINT_INVALID', 1],
    ['a checkpoint deleted', 'delete from audit_checkpoint where number = 1', 'CHECKPOINT_MISSING', 1],
    [
      'a checkpoint changed',
      `update audit_checkpoint set signature = 'AAAA' where number = 1`,
      'CHECKPOINT_INVALID',
      1,
    ],
  ])('%s', async (_case, statement, code, seq) => {
    await asSuperuser(statement);
    expect((await verify()).fault).toMatchObject({ code, seq });
  });

  it('even where the whole chain is hashed anew and its checkpoints are gone, by those that were published', async () => {
    await asSuperuser(
      `update audit_event set actor_id = 'nobody' where id = (select event_id from audit_seal where seq = 4)`,
      'insert into audit_pending select event_id from audit_seal',
      'delete from audit_seal',
      'delete from audit_checkpoint',
    );
    await sealer().seal();
    expect((await verify()).fault).toMatchObject({ code: 'CHECKPOINT_MISMATCH', seq: 1 });
  });
});

describe('a database that was restored from an older dump', () => {
  it('is sealed further, told of once, and goes on when what was published is moved aside', async () => {
    await write(6);
    await sealer().seal();
    await checkpoints().keepUp();
    for (let n = 0; n < 2; n += 1) {
      await write(2);
      await sealer().seal();
      await checkpoints().keepUp();
    }
    await asSuperuser(
      'delete from audit_event where id in (select event_id from audit_seal where seq > 6)',
      'delete from audit_seal where seq > 6',
      'delete from audit_checkpoint where number > 1',
    );
    expect((await verify()).fault).toMatchObject({ code: 'TRUNCATED', seq: 7 });
    const keeper = checkpoints();
    for (let n = 0; n < 3; n += 1) {
      await write(4);
      await sealer().seal();
      await keeper.keepUp();
    }
    expect(told).toEqual([expect.stringContaining('restored from an older dump')]);
    expect((await sink().checkpoints()).map(({ body }) => body.seq)).toEqual([6, 8, 10]);
    expect(await verify()).toMatchObject({ fault: { code: 'CHECKPOINT_MISMATCH', seq: 7 }, head: 18 });

    const published = join(directory, 'published');
    await mkdir(join(published, 'before-restore'));
    for (const number of [2, 3]) {
      const name = `checkpoint-00000000000${number}.json`;
      await rename(join(published, name), join(published, 'before-restore', name));
    }
    await keeper.keepUp();
    expect((await sink().checkpoints()).map(({ body }) => body.seq)).toEqual([6, 10, 14, 18]);
    expect(await verify()).toMatchObject({ fault: null, links: 18, checkpoints: 4 });
  });
});

it('a checkpoint that is gone where it was published, or a directory that is another one, is told', async () => {
  for (let n = 0; n < 2; n += 1) {
    await write(3);
    await sealer().seal();
    await checkpoints().keepUp();
  }
  await rm(join(directory, 'published', 'checkpoint-000000000002.json'));
  expect((await verify()).fault).toMatchObject({ code: 'CHECKPOINT_MISSING', seq: 6 });
  const elsewhere = new CheckpointDirectory(join(directory, 'elsewhere'));
  const { fault } = await new AuditVerifier({ em: database.em, notary, sink: elsewhere }).verify(0);
  expect(fault).toMatchObject({ code: 'CHECKPOINT_MISSING', seq: 3 });
});

it('events that the product did not write keep no other from being sealed, nor the log from being read', async () => {
  await asSuperuser(
    ...[`'now', '{"n": 1e400, "m": -1e400}'`, `'infinity', '{}'`, `'-infinity', '[]'`, `'now', '7'`].map(
      (values, n) =>
        `insert into audit_event (id, at, details, actor_id, actor_kind, action, resource_type, outcome)
         values ('odd-${n}', ${values}, 'a', 'local', 'x', 'y', 'SUCCESS')`,
    ),
    `insert into audit_pending select id from audit_event`,
  );
  await write(2);
  await sealer().seal();
  expect(await verify()).toMatchObject({ fault: null, links: 6, pending: 0 });
});

it('an export ends also where the columns of a checkpoint were changed', async () => {
  await write(3);
  await sealer().seal();
  await checkpoints().keepUp();
  await write(3);
  await sealer().seal();
  await asSuperuser('update audit_checkpoint set seq = 5 where number = 1');
  const lines: string[] = [];
  for await (const line of new AuditExport({ em: database.em }).lines(tester)) {
    lines.push(line);
    if (lines.length > 20) break;
  }
  expect(lines).toHaveLength(1 + 6 + 1 + 1);
});
