export type { LakeReadColumn, LakeReadFile, LakeReadGrant, ValueForm } from './grant.ts';
export { LakeClient, type LakeClientOptions, type LakeReadRequest } from './lake-client.ts';
export { LakeRead, type RelationOptions, type RowsOptions } from './lake-read.ts';
export { LakeReadError } from './lake-read-error.ts';
export type { DuckdbConnection } from './relation.ts';
export type { LakeRow, LakeValue } from './values.ts';
