import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { FileState } from '../domain/lake/file-state.ts';

export interface OperationFileFacts {
  readonly counts: Readonly<Record<string, number>>;
  readonly gaps: readonly { readonly code: string; readonly reason: string; readonly until?: string | undefined }[];
  /** Targets of other operations whose records go with the same swap, and how many. */
  readonly companions?: readonly { readonly targetId: string; readonly digest: string; readonly found: number }[];
  /** Older contents that the store would not let go: under a lock, or for want of a permission. */
  readonly versionsKept?: readonly {
    readonly reason: string;
    readonly until: string | null;
    readonly locked?: boolean;
  }[];
}

/** One lake file under one target of an operation: what was found, staged and swapped, and how far it is. */
export const OperationFileSchema = defineEntity({
  name: 'OperationFile',
  tableName: 'operation_file',
  properties: {
    targetId: p.text().primary(),
    path: p.text().primary(),
    state: p.text().$type<FileState>(),
    sourceBytes: p.bigint('number'),
    sourceVersion: p.text(),
    /** Keyed digest of the selection that the file was judged by. */
    selectionDigest: p.text(),
    stagedSha256: p.text().strictNullable(),
    rowsBefore: p.bigint('number').strictNullable(),
    rowsAfter: p.bigint('number').strictNullable(),
    found: p.bigint('number').strictNullable(),
    bytesAfter: p.bigint('number').strictNullable(),
    /** Null until the swap, and for a file that was removed. */
    versionAfter: p.text().strictNullable(),
    /** What a transformation counted and could not do, and what is left of the content before. */
    facts: p.json<OperationFileFacts>().strictNullable(),
    /** Rows erased or changed by all swaps of this path under the target. */
    erased: p.bigint('number'),
    code: p.text().strictNullable(),
    reason: p.text().strictNullable(),
    updatedAt: p.datetime(),
  },
});
export type OperationFile = InferEntity<typeof OperationFileSchema>;
