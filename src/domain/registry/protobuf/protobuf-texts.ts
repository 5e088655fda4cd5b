import type { TextReplacement } from '../text-replacement.ts';
import { type FieldReading, formOf, type MessageReading, type MessageType } from './message-reading.ts';
import { messageDepthMax, notProtobuf, type WireField, wireFields } from './wire-reader.ts';
import { rewritten } from './wire-writer.ts';

/**
 * A message with other contents in its texts and bytes, keys of maps among them, wherever they stand. All else stays as it is,
 * fields that the schema does not have and what is packed in an `Any` included; lengths of what is around follow. The same bytes
 * where nothing is replaced.
 * @throws LinewardError VALUE_INVALID for bytes that are no data of the message.
 */
export function replaceProtobufTexts(
  { reading, type }: { readonly reading: MessageReading; readonly type: MessageType },
  bytes: Uint8Array,
  replace: TextReplacement,
): Buffer {
  const given = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return new ProtobufTexts(reading, replace).message(type, given, 0);
}

class ProtobufTexts {
  readonly #reading: MessageReading;
  readonly #replace: TextReplacement;

  constructor(reading: MessageReading, replace: TextReplacement) {
    this.#reading = reading;
    this.#replace = replace;
  }

  message(type: MessageType, bytes: Buffer, depth: number): Buffer {
    if (depth > messageDepthMax) throw notProtobuf();
    const fields = this.#reading.fieldsOf(type);
    return withContents(bytes, (wire) => this.#field(fields.get(wire.number), wire, depth));
  }

  #field(field: FieldReading | undefined, wire: WireField, depth: number): Buffer {
    if (field === undefined || formOf(field, wire.wireType) !== 'ONE') return wire.content;
    const { entry } = field;
    if (entry === null) return this.#value(field, wire, depth);
    return withContents(wire.content, (part) =>
      this.#field(part.number === 1 ? entry.key : part.number === 2 ? entry.item : undefined, part, depth),
    );
  }

  #value({ value }: FieldReading, wire: WireField, depth: number): Buffer {
    if (value.kind === 'message') return this.message(value.type, wire.content, depth + 1);
    if (value.kind === 'known') return this.#known(value.fullName, wire.content, 0);
    const isText = value.kind === 'scalar' && (value.type === 'string' || value.type === 'bytes');
    return isText ? this.#text(wire.content) : wire.content;
  }

  #known(fullName: string, content: Buffer, depth: number): Buffer {
    const places = knownTexts[fullName];
    if (places === undefined) return content;
    if (depth > knownDepthMax) throw notProtobuf();
    return withContents(content, (wire) => {
      const place = wire.wireType === 2 ? places[wire.number] : undefined;
      if (place === undefined) return wire.content;
      return place === 'TEXT' ? this.#text(wire.content) : this.#known(place, wire.content, depth + 1);
    });
  }

  #text(content: Buffer): Buffer {
    const replaced = this.#replace(content);
    return replaced === null ? content : Buffer.from(replaced);
  }
}

/** A value within a `Struct` is three messages further in: its entry, itself, and the `Struct` that it may be. */
const knownDepthMax = 3 * messageDepthMax;

/** Where texts stand in the messages that every compiler brings, by the numbers of their fields. */
const knownTexts: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  'google.protobuf.StringValue': { 1: 'TEXT' },
  'google.protobuf.BytesValue': { 1: 'TEXT' },
  'google.protobuf.Struct': { 1: 'google.protobuf.Struct.FieldsEntry' },
  'google.protobuf.Struct.FieldsEntry': { 1: 'TEXT', 2: 'google.protobuf.Value' },
  'google.protobuf.ListValue': { 1: 'google.protobuf.Value' },
  'google.protobuf.Value': { 3: 'TEXT', 5: 'google.protobuf.Struct', 6: 'google.protobuf.ListValue' },
};

/** A message with the contents that are answered for its fields; the same bytes where all are the same. */
function withContents(bytes: Buffer, contentOf: (wire: WireField) => Buffer): Buffer {
  let isSame = true;
  const parts = wireFields(bytes).map((wire) => {
    const content = contentOf(wire);
    if (content === wire.content) return wire.raw;
    isSame = false;
    return rewritten(wire, content);
  });
  return isSame ? bytes : Buffer.concat(parts);
}
