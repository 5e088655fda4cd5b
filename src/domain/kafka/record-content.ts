import { readExactJson } from '../exact-json.ts';
import type { SchemaName } from '../registry/framed-record.ts';
import { strictUtf8 } from '../strict-utf8.ts';

/** A record as JSON messages carry it, with bigints for whole numbers beyond 2^53. */
export type RecordContent = Readonly<Record<string, unknown>>;

/** Why a record says nothing. */
export type RecordFault =
  | { readonly kind: 'NOT_JSON' }
  /** It names a schema that is not registered, or cannot be used any more. */
  | { readonly kind: 'SCHEMA_UNKNOWN'; readonly schema: SchemaName }
  /** Its bytes are no data of the schema that it names, or no record. */
  | { readonly kind: 'MISFIT'; readonly schema: SchemaName };

export type ReadRecord =
  | { readonly ok: true; readonly record: RecordContent }
  | { readonly ok: false; readonly fault: RecordFault };

export function isRecord(value: unknown): value is RecordContent {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The JSON object that bytes are the text of; null for anything else. */
export function jsonObject(bytes: Buffer): RecordContent | null {
  try {
    const read = readExactJson(strictUtf8(bytes) ?? '');
    return isRecord(read) ? read : null;
  } catch {
    return null;
  }
}

/** Most schemas that are told apart: whoever writes to a topic may make ids up. */
const schemasMax = 20;

/** Counts records that say nothing, by why; what is in them is in no sentence of it. */
export class UnreadableRecords {
  readonly #counts = new Map<string, { readonly fault: RecordFault; count: number }>();
  #others = 0;

  add(fault: RecordFault): void {
    const key = fault.kind === 'NOT_JSON' ? fault.kind : `${fault.kind} ${fault.schema}`;
    const known = this.#counts.get(key);
    if (known !== undefined) known.count += 1;
    else if (fault.kind === 'NOT_JSON' || this.#counts.size < schemasMax) this.#counts.set(key, { fault, count: 1 });
    else this.#others += 1;
  }

  /** One sentence for each reason. */
  reasons(): readonly string[] {
    const reasons = [...this.#counts.values()].map(({ fault, count }) => `${count} message(s) ${sentenceEnd(fault)}`);
    if (this.#others > 0) reasons.push(`${this.#others} message(s) cannot be read by other schemas that they name`);
    return reasons;
  }
}

function sentenceEnd(fault: RecordFault): string {
  if (fault.kind === 'NOT_JSON') return 'are not JSON objects';
  if (fault.kind === 'MISFIT') return `do not hold a record of the schema ${fault.schema} that they name`;
  return `name the schema ${fault.schema}, which is not registered`;
}
