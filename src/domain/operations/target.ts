import type { OperationKind } from './status.ts';

/** Where a mapping's data physically lives. Search indexes and warehouses join with their own executors. */
export const mappingRoles = ['TOPIC', 'LAKE_TABLE', 'WAREHOUSE_TABLE', 'SEARCH_INDEX'] as const;
export type MappingRole = (typeof mappingRoles)[number];

/** A place an operation acts on: that of a mapping, or the keys of this installation. */
export const targetRoles = [...mappingRoles, 'KEY_RING'] as const;
export type TargetRole = (typeof targetRoles)[number];

/** The place of all keys, which no mapping speaks of. */
export const keyRing = {
  id: '00000000-0000-7000-8000-000000000001',
  namespace: 'lineward://keys',
  name: 'account_key',
  role: 'KEY_RING',
} as const;

/** One dataset an operation acts on, with the keys by which its records name accounts and subjects. */
export interface TargetPlace {
  readonly targetId: string;
  readonly datasetId: string;
  readonly namespace: string;
  readonly name: string;
  readonly role: TargetRole;
  readonly accountField: string;
  readonly subjectFields: readonly string[];
}

/** What an operation does, as far as places need to know. */
export interface OperationWork {
  readonly kind: OperationKind;
  /** The entity that was named in the request. */
  readonly entityId: string | null;
}

/** A place or part of one that the operation cannot reach, and why. A plan with gaps can only end PARTIAL. */
export interface Gap {
  readonly code: string;
  readonly dataset: string;
  readonly reason: string;
  /** When it is worth another look (ISO 8601); absent where nobody knows. */
  readonly until?: string | undefined;
}

/** A copy that stays readable for a while after the operation, and until when (ISO 8601), if known. */
export interface Residue {
  readonly dataset: string;
  readonly reason: string;
  readonly until: string | null;
}

/** What planning a target found. All counts are estimates made without writing anything. */
export interface TargetEstimate {
  readonly action: 'REWRITE' | 'TOMBSTONE' | 'DELETE_RECORDS' | 'DESTROY' | 'NONE';
  readonly files: number;
  readonly bytes: number;
  /** Records (rows or messages) expected to go, or to be changed at most. */
  readonly records: number;
  readonly seconds: number;
  readonly gaps: readonly Gap[];
  /** Stable facts that enter the plan hash, e.g. files with their identity. Never personal data. */
  readonly manifest: readonly Readonly<Record<string, unknown>>[];
}

/** What one finished execution of a target did. */
export interface TargetReceipt {
  readonly recordsErased: number;
  /** Records in which values were replaced. Absent in receipts of releases that only erased. */
  readonly recordsChanged?: number | undefined;
  readonly recordsKept: number;
  readonly filesRewritten: number;
  readonly filesRemoved: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Per file or partition: identities, digests, counts, offsets. Never personal data. */
  readonly evidence: readonly Readonly<Record<string, unknown>>[];
  readonly residues: readonly Residue[];
  /** What could not be done here. Non-empty makes the operation PARTIAL. */
  readonly open: readonly Gap[];
}

/** The receipt of a place in which nothing was done, without its open points. */
export const nothingDone: Omit<TargetReceipt, 'open'> = {
  recordsErased: 0,
  recordsKept: 0,
  filesRewritten: 0,
  filesRemoved: 0,
  bytesBefore: 0,
  bytesAfter: 0,
  evidence: [],
  residues: [],
};

/** What an independent read-back saw. */
export interface TargetVerification {
  /** Records of the selection still readable, or still to be changed. Must be 0. */
  readonly survivors: number;
  /** Records outside the selection that are missing. Must be 0. */
  readonly lost: number;
  readonly recordsScanned: number;
  readonly method: string;
  readonly open: readonly Gap[];
}
