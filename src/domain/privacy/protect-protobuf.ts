import { LinewardError } from '../../errors/lineward-error.ts';
import {
  type EntryReading,
  type FieldReading,
  formOf,
  type MessageReading,
  type MessageType,
} from '../registry/protobuf/message-reading.ts';
import { decodeProtobuf, jsonOf, merged, scalarOf } from '../registry/protobuf/protobuf-decoding.ts';
import { readPacked, readScalar } from '../registry/protobuf/scalar-decoding.ts';
import { knownContent } from '../registry/protobuf/well-known-decoding.ts';
import { messageDepthMax, notProtobuf, type WireField, wireFields } from '../registry/protobuf/wire-reader.ts';
import { rewritten } from '../registry/protobuf/wire-writer.ts';
import { idIn, type ProtectionCounts, protectMember, type Seal } from './apply-protection.ts';
import { knownInput, knownOutput } from './protect-well-known.ts';
import type { PlanNode, ProtectionPlan } from './protection-plan.ts';
import { DistinctKeys } from './redact-value.ts';

const noRoom =
  'is of a type that cannot hold what protection leaves; make it a string, or optional for what is removed';

export interface ProtectedProtobuf extends ProtectionCounts {
  /** Data of the same message. */
  readonly bytes: Buffer;
}

/** A message type with what is known of its fields. */
export interface ProtobufMessage {
  readonly reading: MessageReading;
  readonly type: MessageType;
}

/**
 * Applies a plan to the binary form of one Protobuf message. Only what is protected is decoded, and all else is copied but for
 * fields that the schema does not have, which are left out and counted. The output is data of the same message, so a protected
 * value must fit its type: a text a `string`, and what is removed a field that may be absent or an empty text. A field that
 * cannot hold it makes the record fail, as in Avro.
 * @throws LinewardError VALUE_INVALID with the path of the field at fault, also for a field that the plan does not know and
 * for bytes that are no data of the schema. No error holds a value.
 */
export function protectProtobuf(
  plan: ProtectionPlan,
  { reading, type }: ProtobufMessage,
  bytes: Uint8Array,
  seal: Seal,
): ProtectedProtobuf {
  const protection = new ProtobufProtection(reading, seal);
  const given = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { bytes: protection.message(plan.root, type, given, 0), ...protection.counts };
}

/** The id of the account or person that a field of the encoded message names; null when there is none. */
export function protobufIdIn(
  field: string | null,
  { reading, type }: ProtobufMessage,
  bytes: Uint8Array,
): string | null {
  return field === null ? null : idIn(field, decodeProtobuf(reading, type, bytes));
}

class ProtobufProtection {
  readonly counts = { unknownRemoved: 0, faultsRemoved: 0 };
  readonly #reading: MessageReading;
  readonly #seal: Seal;

  constructor(reading: MessageReading, seal: Seal) {
    this.#reading = reading;
    this.#seal = seal;
  }

  /** The same bytes where nothing changes. */
  message(node: PlanNode, type: MessageType, bytes: Buffer, depth: number): Buffer {
    if (depth > messageDepthMax) throw notProtobuf();
    const fields = this.#reading.fieldsOf(type);
    const keys = new Map<FieldReading, DistinctKeys>();
    const found = wireFields(bytes);
    const shown = found.map((wire) => {
      const field = this.#known(fields.get(wire.number), wire);
      return field === null ? null : this.#field(nodeOf(node, field), field, wire, { depth, keys });
    });
    const present = new Set(found.map(({ number }) => number));
    const empty = [...fields.values()].flatMap((field) => this.#emptyText(node, field, present));
    const isSame = empty.length === 0 && shown.every((one, index) => one === found[index]?.raw);
    return isSame ? bytes : Buffer.concat([...shown.filter((one) => one !== null), ...empty]);
  }

  /** Null for a field that the schema does not have, or not in that form. */
  #known(field: FieldReading | undefined, { wireType }: WireField): FieldReading | null {
    if (field !== undefined && formOf(field, wireType) !== null) return field;
    this.counts.unknownRemoved += 1;
    return null;
  }

  /** An empty text is not written, and is protected like any other. */
  #emptyText(node: PlanNode, field: FieldReading, present: ReadonlySet<number>): readonly Buffer[] {
    const { number } = field.field;
    const isText = field.value.kind === 'scalar' && field.value.type === 'string';
    const mayBeAbsent = field.isRepeated || field.map !== null || field.hasPresence;
    if (!isText || mayBeAbsent || present.has(number)) return [];
    const inner = nodeOf(node, field);
    const shown = inner.passes ? '' : this.#protected(inner, '');
    return typeof shown === 'string' && shown !== '' ? [rewritten({ number, wireType: 2 }, Buffer.from(shown))] : [];
  }

  /** All of the field as it is to stand; null when nothing of it may stay. */
  #field(node: PlanNode, field: FieldReading, wire: WireField, at: MessageAt): Buffer | null {
    if (field.entry !== null) return this.#entry(node.entry ?? node, { field, entry: field.entry }, wire, at);
    // The plan may know the field alone; then its items are protected like it.
    const inner = field.isRepeated ? (node.element ?? node) : node;
    if (formOf(field, wire.wireType) === 'PACKED') return this.#packed(inner, field, wire);
    return this.#value(inner, field, wire, at.depth);
  }

  #value(node: PlanNode, field: FieldReading, wire: WireField, depth: number): Buffer | null {
    const { value } = field;
    if (value.kind === 'message') {
      const content = this.message(node, value.type, wire.content, depth + 1);
      return content === wire.content ? wire.raw : rewritten(wire, content);
    }
    if (value.kind === 'known') return this.#wellKnown(node, field, value.fullName, wire);
    return this.#plain(node, field, wire);
  }

  #plain(node: PlanNode, field: FieldReading, wire: WireField): Buffer | null {
    if (node.passes) return wire.raw;
    const type = scalarOf(field.value);
    const read = readScalar(type, wire.content);
    const value = field.value.kind === 'enum' ? jsonOf(field.value, read) : read;
    const shown = this.#protected(node, value);
    if (Object.is(shown, value)) return wire.raw;
    const isGone = shown === null || shown === undefined;
    if (isGone && field.isNullable) return null;
    // Bytes have no readable rest, so they become none; a text that is to be null becomes an empty one.
    const text = typeof shown === 'string' ? shown : '';
    if (type !== 'string' && !(type === 'bytes' && text === '')) throw cannot(node.path, noRoom);
    return rewritten(wire, Buffer.from(text));
  }

  /** A block has numbers alone, and none of them can be changed into a text. */
  #packed(node: PlanNode, { value }: FieldReading, { content, raw }: WireField): Buffer {
    const numbers = node.passes ? [] : readPacked(scalarOf(value), content).map((one) => jsonOf(value, one));
    if (numbers.some((one) => !Object.is(this.#protected(node, one), one))) throw cannot(node.path, noRoom);
    return raw;
  }

  #wellKnown(node: PlanNode, field: FieldReading, fullName: string, wire: WireField): Buffer | null {
    const known = knownContent(fullName, wire.content);
    const asIs = known === wire.content ? wire.raw : rewritten(wire, known);
    if (node.passes) return asIs;
    const value = knownInput(fullName, known);
    const shown = this.#protected(node, value);
    if (Object.is(shown, value)) return asIs;
    if ((shown === null || shown === undefined) && field.isNullable) return null;
    const content = knownOutput(fullName, shown);
    if (content === null) throw cannot(node.path, noRoom);
    return rewritten(wire, content);
  }

  /** Keys are data: one of which nothing may stay goes with its value, and two that become equal are told apart. */
  #entry(
    node: PlanNode,
    { field, entry }: { readonly field: FieldReading; readonly entry: EntryReading },
    wire: WireField,
    at: MessageAt,
  ): Buffer | null {
    const parts = wireFields(wire.content).filter(
      (part) => this.#known(part.number === 1 ? entry.key : part.number === 2 ? entry.item : undefined, part) !== null,
    );
    const key = this.#key(node, entry.key, lastOf(entry.key, 1, parts), () => distinctOf(at.keys, field));
    if (key === null) return null;
    const item = lastOf(entry.item, 2, parts);
    const value = item === null ? noBytes : (this.#value(node, entry.item, item, at.depth) ?? noBytes);
    const content = Buffer.concat([key, value]);
    return content.equals(wire.content) ? wire.raw : rewritten(wire, content);
  }

  /** The field of a key; null when nothing of it may stay. */
  #key(node: PlanNode, field: FieldReading, wire: WireField | null, keys: () => DistinctKeys): Buffer | null {
    const raw = wire?.raw ?? noBytes;
    if (node.protection === null || node.protection.action === 'NONE') return raw;
    const type = scalarOf(field.value);
    const key = wire === null ? '' : String(readScalar(type, wire.content));
    const shown = this.#protected(node, key);
    if (typeof shown !== 'string' || shown === '') return null;
    const distinct = keys().take(shown);
    if (distinct === key) return raw;
    if (type !== 'string') throw cannot(node.path, noRoom);
    return rewritten({ number: 1, wireType: 2 }, Buffer.from(distinct));
  }

  #protected(node: PlanNode, value: unknown): unknown {
    const { value: shown, ...counts } = protectMember(node, value, this.#seal);
    this.counts.unknownRemoved += counts.unknownRemoved;
    this.counts.faultsRemoved += counts.faultsRemoved;
    return shown;
  }
}

/** Where in a message its fields are. */
interface MessageAt {
  readonly depth: number;
  /** Keys of its maps that were given out. */
  readonly keys: Map<FieldReading, DistinctKeys>;
}

const noBytes = Buffer.alloc(0);

function nodeOf(node: PlanNode, { field: { name } }: FieldReading): PlanNode {
  const inner = node.fields.get(name);
  if (inner === undefined) throw cannot(node.path === '' ? name : `${node.path}.${name}`, 'is not known');
  return inner;
}

function distinctOf(keys: Map<FieldReading, DistinctKeys>, field: FieldReading): DistinctKeys {
  const known = keys.get(field) ?? new DistinctKeys();
  keys.set(field, known);
  return known;
}

/** The field of an entry that counts, as one; null when there is none. */
function lastOf({ value }: FieldReading, number: number, parts: readonly WireField[]): WireField | null {
  const own = parts.filter((part) => part.number === number);
  const last = own.at(-1);
  if (last === undefined || own.length === 1) return last ?? null;
  const content = merged(value, own);
  return content === last.content ? last : { ...last, content, raw: rewritten(last, content) };
}

function cannot(path: string, why: string): LinewardError {
  return new LinewardError('VALUE_INVALID', `${path} ${why}.`, { path: [path] });
}
