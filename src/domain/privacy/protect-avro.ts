import { LinewardError } from '../../errors/lineward-error.ts';
import { AvroCursor, notAvro } from '../registry/avro/avro-cursor.ts';
import type { AvroRecord, AvroType, AvroUnion } from '../registry/avro/avro-type.ts';
import { zigZag } from '../registry/byte-writer.ts';
import { type ProtectionCounts, protectMember, type Seal } from './apply-protection.ts';
import { parseFieldPath } from './field-path.ts';
import type { PlanNode, ProtectionPlan } from './protection-plan.ts';
import { DistinctKeys } from './redact-value.ts';

const noRoom = 'is of a type that cannot hold what protection leaves; make it a union with string or null';
/** Deepest nesting of data that is protected. */
const depthMax = 256;

export interface ProtectedAvro extends ProtectionCounts {
  /** Data of the same schema. */
  readonly bytes: Buffer;
}

/**
 * Applies a plan to the binary encoding of one Avro record. Only what is protected is decoded; all else is copied. The output
 * is data of the same schema, so a protected value must fit its type: a text a `string`, what is removed a `null` branch or an
 * empty text. A field that cannot hold it makes the record fail.
 * @throws LinewardError VALUE_INVALID with the path of the field at fault, also for a field that the plan does not know and
 * for bytes that are no data of the schema. No error holds a value.
 */
export function protectAvro(plan: ProtectionPlan, schema: AvroRecord, bytes: Uint8Array, seal: Seal): ProtectedAvro {
  const protection = new AvroProtection(bytes, seal);
  return { bytes: protection.run(plan.root, schema), ...protection.counts };
}

/** The id of the account or person that a field of the encoded record names; null when there is none. */
export function avroIdIn(field: string | null, schema: AvroRecord, bytes: Uint8Array): string | null {
  if (field === null) return null;
  const steps = parseFieldPath(field);
  const names = steps.flatMap((step) => (step.kind === 'FIELD' ? [step.name] : []));
  return names.length === steps.length ? new AvroCursor(bytes).idAt(schema, names) : null;
}

class AvroProtection {
  readonly counts = { unknownRemoved: 0, faultsRemoved: 0 };
  readonly #cursor: AvroCursor;
  readonly #seal: Seal;
  readonly #out: Uint8Array[] = [];
  #copied = 0;

  constructor(bytes: Uint8Array, seal: Seal) {
    this.#cursor = new AvroCursor(bytes);
    this.#seal = seal;
  }

  run(root: PlanNode, schema: AvroRecord): Buffer {
    const cursor = this.#cursor;
    this.#record(root, schema, 0);
    if (cursor.at !== cursor.bytes.length) throw notAvro();
    if (this.#out.length === 0) return cursor.bytes;
    this.#copy();
    return Buffer.concat(this.#out);
  }

  #record(node: PlanNode, record: AvroRecord, depth: number): void {
    for (const field of record.fields) {
      const inner = node.fields.get(field.name);
      if (inner === undefined)
        throw cannot(node.path === '' ? field.name : `${node.path}.${field.name}`, 'is not known');
      this.#value(inner, field.type, depth + 1);
    }
  }

  #value(node: PlanNode, type: AvroType, depth: number): void {
    if (depth > depthMax) throw notAvro();
    if (node.passes && !hasFields(type)) this.#cursor.skip(type, depth);
    else if (type.kind === 'union') this.#union(node, type, depth);
    else if (type.kind === 'record') this.#record(node, type, depth);
    else if (type.kind === 'array') this.#array(node, type.items, depth);
    else if (type.kind === 'map') this.#map(node, type.values, depth);
    else this.#plain(node, type);
  }

  /** A branch may change: what is removed becomes null, and what becomes a text takes the branch for texts. */
  #union(node: PlanNode, union: AvroUnion, depth: number): void {
    const start = this.#cursor.at;
    const { type } = this.#cursor.branch(union);
    if (hasFields(type) || type.kind === 'array' || type.kind === 'map') {
      this.#value(node, type, depth + 1);
      return;
    }
    const value = this.#cursor.scalar(type);
    if (node.passes || node.protection === null || value === null) return;
    const shown = this.#protected(node, value);
    if (shown === value) return;
    const wanted = shown === null || shown === undefined ? 'null' : 'string';
    const index = union.branches.findIndex((one) => one.kind === 'primitive' && one.name === wanted);
    if (index < 0) throw cannot(node.path, `has no ${wanted} branch to hold what protection leaves`);
    this.#put(start, zigZag(index), ...(typeof shown === 'string' ? textBytes(shown) : []));
  }

  #plain(node: PlanNode, type: AvroType): void {
    const start = this.#cursor.at;
    const value = this.#cursor.scalar(type);
    if (node.passes || node.protection === null) return;
    const shown = this.#protected(node, value);
    if (shown === value) return;
    const isText = type.kind === 'primitive' && type.name === 'string';
    // Bytes have no readable rest, so they become none; a text that is to be null becomes an empty one.
    const isBytes = type.kind === 'primitive' && type.name === 'bytes';
    const text = typeof shown === 'string' ? shown : '';
    if (!isText && !(isBytes && text === '')) throw cannot(node.path, noRoom);
    this.#put(start, ...textBytes(text));
  }

  /** The plan may know the field alone; then its items are protected like it. */
  #array(node: PlanNode, items: AvroType, depth: number): void {
    const element = node.element ?? node;
    this.#blocks(() => {
      this.#value(element, items, depth + 1);
      return true;
    });
  }

  /** Keys are data: one of which nothing may stay goes with its value, and two that become equal are told apart. */
  #map(node: PlanNode, values: AvroType, depth: number): void {
    const entry = node.entry ?? node;
    const isPlain = entry.protection === null || entry.protection.action === 'NONE';
    const keys = new DistinctKeys();
    this.#blocks(() => {
      const start = this.#cursor.at;
      const key = this.#cursor.text();
      const shown = isPlain ? key : this.#protected(entry, key);
      if (typeof shown !== 'string' || shown === '') {
        this.#cursor.skip(values, depth);
        return false;
      }
      const distinct = keys.take(shown);
      if (distinct !== key) this.#put(start, ...textBytes(distinct));
      this.#value(entry, values, depth + 1);
      return true;
    });
  }

  /** Items that stay are written as one block with a count alone: what is in them changes their size. */
  #blocks(item: () => boolean): void {
    const cursor = this.#cursor;
    this.#copy();
    const begun = this.#out.length;
    let count = 0;
    cursor.blocks(() => {
      const before = this.#out.length;
      // Behind the head of a block, which is left out.
      this.#copied = cursor.at;
      if (item()) {
        this.#copy();
        count += 1;
      } else {
        this.#out.length = before;
      }
    });
    this.#copied = cursor.at;
    this.#out.splice(begun, 0, zigZag(count));
    if (count > 0) this.#out.push(zigZag(0));
  }

  #protected(node: PlanNode, value: unknown): unknown {
    const { value: shown, ...counts } = protectMember(node, value, this.#seal);
    this.counts.unknownRemoved += counts.unknownRemoved;
    this.counts.faultsRemoved += counts.faultsRemoved;
    return shown;
  }

  /** Puts bytes in the place of what was read since `start`. */
  #put(start: number, ...bytes: readonly Uint8Array[]): void {
    if (start > this.#copied) this.#out.push(this.#cursor.bytes.subarray(this.#copied, start));
    this.#out.push(...bytes);
    this.#copied = this.#cursor.at;
  }

  #copy(): void {
    if (this.#cursor.at > this.#copied) this.#out.push(this.#cursor.bytes.subarray(this.#copied, this.#cursor.at));
    this.#copied = this.#cursor.at;
  }
}

/** True for types whose inside may have paths of its own: such are never copied unread. */
function hasFields(type: AvroType): boolean {
  if (type.kind === 'array') return hasFields(type.items);
  if (type.kind === 'map') return hasFields(type.values);
  return type.kind === 'record' || type.kind === 'union';
}

function textBytes(text: string): readonly Uint8Array[] {
  const bytes = Buffer.from(text, 'utf8');
  return [zigZag(bytes.length), bytes];
}

function cannot(path: string, why: string): LinewardError {
  return new LinewardError('VALUE_INVALID', `${path} ${why}.`, { path: [path] });
}
