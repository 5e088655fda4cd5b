export interface KeysRequest {
  readonly signal?: AbortSignal | undefined;
  readonly path: string;
  /** The first names accounts. */
  readonly columns: readonly string[];
  /** A file with more is LAKE_TABLE_REFUSED: its distinct keys would not fit into memory. */
  readonly rowsMax: number;
}

export interface IndexRequest extends KeysRequest {
  /** Under which keys are hashed: digits as `secretDigits` says. */
  readonly secret: string;
}

/** The segment of the index that one file has: its keyed hashes, see `segmentOf`. */
export interface IndexResult {
  readonly rows: number;
  readonly segment: Uint8Array;
}

/** Distinct values of a key column, as the text by which selectors compare them; NULL is no value. */
export interface ColumnKeys {
  readonly column: string;
  readonly values: readonly string[];
}

export interface KeysResult {
  readonly rows: number;
  readonly keys: readonly ColumnKeys[];
}
