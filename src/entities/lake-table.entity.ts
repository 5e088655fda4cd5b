import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { LakeColumn } from '../domain/lake/lake-column.ts';
import type { Partitioning } from '../domain/lake/partitioning.ts';
import type { ErrorCode } from '../errors/codes.ts';

export type LakeTableOrigin = 'LANDED' | 'REGISTERED' | 'TRANSFORMED';

/**
 * EXPECTED: landings wrote it or a registration saw it, so its absence is worth a question; FOUND: somebody added it later, and
 * may take it away; MISSING: expected, and not there when the table was listed last.
 */
export type LakeFileStanding = 'EXPECTED' | 'FOUND' | 'MISSING';

/** A table of the lake: a directory of Parquet files. */
export const LakeTableSchema = defineEntity({
  name: 'LakeTable',
  tableName: 'lake_table',
  properties: {
    id: p.text().primary(),
    datasetId: p.text(),
    location: p.text(),
    /** LANDED: landings made it, and write to it; REGISTERED: others did; TRANSFORMED: a transformer makes it. */
    origin: p.text().$type<LakeTableOrigin>(),
    partitioning: p.text().$type<Partitioning>(),
    /** Null only for a registered table, and for a transformed one without partitions. */
    dateField: p.text().strictNullable(),
    /** What landings and transformers write; empty for a registered table, whose files say what they have. */
    columns: p.json<readonly LakeColumn[]>(),
    createdAt: p.datetime(),
  },
});
export type LakeTable = InferEntity<typeof LakeTableSchema>;

/**
 * One file of a table as we last saw it; `version` identifies its exact content. Its index segment is good while
 * `indexedVersion` equals `version`, and speaks of `indexedColumns` only. While `indexFaultVersion` equals `version` it could not be
 * made for them, and `indexFault` says why.
 */
export const LakeFileSchema = defineEntity({
  name: 'LakeFile',
  tableName: 'lake_file',
  properties: {
    id: p.text().primary(),
    tableId: p.text(),
    path: p.text(),
    bytes: p.bigint('number'),
    version: p.text(),
    rows: p.bigint('number'),
    indexedVersion: p.text().strictNullable(),
    indexedColumns: p.array(),
    standing: p.text().$type<LakeFileStanding>(),
    segmentBytes: p.bigint('number').strictNullable(),
    indexFault: p.text().$type<ErrorCode>().strictNullable(),
    indexFaultVersion: p.text().strictNullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});

/** How far the index of a table is; the row is the outbox of its task. */
export const LakeIndexSchema = defineEntity({
  name: 'LakeIndex',
  tableName: 'lake_index',
  properties: {
    /** That of the table. */
    id: p.text().primary(),
    attempt: p.integer(),
    /** When what is there was looked at, by which files are indexed now. */
    listedAt: p.datetime().strictNullable(),
    /** The `listedAt` that was worked off last. */
    asOf: p.datetime().strictNullable(),
    /** Why the last try ended without an end, and when; null once one has succeeded. */
    fault: p.text().$type<ErrorCode>().strictNullable(),
    failedAt: p.datetime().strictNullable(),
  },
});
