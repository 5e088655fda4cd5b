import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { LakeColumn } from '../domain/lake/lake-column.ts';
import type { Partitioning } from '../domain/lake/partitioning.ts';

export type LakeTableOrigin = 'LANDED' | 'REGISTERED';

/** A table of the lake: a directory of Parquet files. */
export const LakeTableSchema = defineEntity({
  name: 'LakeTable',
  tableName: 'lake_table',
  properties: {
    id: p.text().primary(),
    datasetId: p.text(),
    location: p.text(),
    /** LANDED: landings made it, and write to it; REGISTERED: others did. */
    origin: p.text().$type<LakeTableOrigin>(),
    partitioning: p.text().$type<Partitioning>(),
    /** Null only for a registered table. */
    dateField: p.text().strictNullable(),
    /** What landings write; empty for a registered table, whose files say what they have. */
    columns: p.json<readonly LakeColumn[]>(),
    createdAt: p.datetime(),
  },
});
export type LakeTable = InferEntity<typeof LakeTableSchema>;

/**
 * One file of a table as we last saw it; `version` identifies its exact content. Its index segment is good while
 * `indexedVersion` equals `version`, and speaks of `indexedColumns` only.
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
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});
