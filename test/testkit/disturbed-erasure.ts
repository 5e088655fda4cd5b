import { hash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { TargetReceipt } from '../../src/domain/operations/target.ts';
import type { LakeTable } from '../../src/entities/lake-table.entity.ts';
import { erasureTarget, landMessages, type Message, messageTable } from './lake.ts';
import type { LakePlace } from './lake-place.ts';
import { ndjson, type TestRecord, writeAvro } from './record-files.ts';
import { bucketPrefix } from './s3.ts';

/** The first day is of the erased account alone: its file is removed. The two others are rewritten. */
const messages: readonly Message[] = [
  { account: 'AC0', to: '+1', day: '2018-06-01' },
  ...Array.from({ length: 20 }, (_, n) => ({ account: `AC${n % 3}`, to: `+${n}`, day: `2018-06-0${2 + (n % 2)}` })),
];

const held = { accountId: 'AC0', subject: { field: 'to', value: '+3' } };
/** One account, of which a hold keeps two records: one in Parquet, one in lines. */
export const oneAccount = { act: [{ accountId: 'AC0' }], keep: [held] };
export const everyoneElse = { everyone: true, act: [], keep: [held] };

const text = { type: ['null', 'string'], default: null };
const schema = {
  type: 'record',
  name: 'Message',
  fields: ['sid', 'account_sid', 'to'].map((name) => ({ name, ...text })),
};
const recordsOf = (ending: string): readonly TestRecord[] =>
  [0, 3, 1, 2, 6].map((n) => ({ sid: `${ending}${n}`, account_sid: `AC${n % 3}`, to: `+${n}` }));

/** Of other programs; the same bytes for each table, since a new Avro file has a random marker. */
const others = async (): Promise<Readonly<Record<string, Buffer>>> => {
  const folder = await mkdtemp(join(tmpdir(), 'lineward-others-'));
  try {
    await writeAvro(join(folder, 'part.avro'), recordsOf('AV'), { codec: 'deflate', schema });
    return {
      '2018/06/04/part.avro': await readFile(join(folder, 'part.avro')),
      '2018/06/05/part.json.gz': gzipSync(ndjson(recordsOf('NJ'))),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
const foreign = await others();

/** A landed table of three files, of which the index knows, with one of Avro and one of lines that others put there. */
export async function filledForErasure({ db, parts, put }: LakePlace) {
  const made = await messageTable(parts);
  await landMessages(parts, made, messages);
  for (const [name, bytes] of Object.entries(foreign)) await put(made.table, name, bytes);
  return { table: made.table, target: await erasureTarget(db.em, made.table) };
}

/** What work must leave, whatever befell it: the receipt without identities, and without the name of the table. */
export function outcomeOf(receipt: TargetReceipt, { location }: LakeTable) {
  const { recordsErased, recordsChanged, recordsKept, filesRewritten, filesRemoved, residues, open } = receipt;
  const told = open.map(({ code, reason }) => `${code} ${reason.replaceAll(location, 'table')}`);
  const files = receipt.evidence.map(({ rowsBefore, rowsAfter, found, erased, sha256 }) => {
    return { rowsBefore, rowsAfter, found, erased, sha256 };
  });
  return { recordsErased, recordsChanged, recordsKept, filesRewritten, filesRemoved, residues, open: told, files };
}

/** All that the store has of a table, to the byte: data, index, what was staged, and keys with more than one version. */
export async function bytesOfTable({ db, parts: { store }, bucket }: LakePlace, table: LakeTable) {
  const { location } = table;
  const data: Record<string, string | null> = {};
  for (const { path } of await store.list(location)) data[path.slice(location.length + 1)] = await store.sha256(path);
  const segments = (await store.names(`${location}/_index`)).map((name) => `${location}/_index/${name}`);
  const index = (await store.contents(segments)).map((bytes) => hash('sha256', bytes ?? 'not there'));
  const registered = await db.em.fork().execute<object[]>(
    `select substr(path, ?) as path, rows, indexed_version is not distinct from version as indexed
       from lake_file where table_id = ? order by path`,
    [location.length + 2, table.id],
  );
  const versions = (await bucket?.versions(`${bucketPrefix}/${location}/`)) ?? [];
  const keys = versions.map(({ key }) => key);
  return {
    data,
    index: index.sort(),
    registered,
    staged: await store.names(`${location}/_erasure`),
    superseded: versions.filter(({ key, isMarker }, place) => isMarker || keys.indexOf(key) !== place),
  };
}
