import { type FieldEncoding, fieldEncodings } from './field-encoding.ts';

import { type ProtoEnum, type ProtoFile, type ProtoMessage, type ProtoType, scalarTypes } from './proto-file.ts';
import type { ProtoTypes } from './proto-types.ts';
import { scalarForms } from './scalar-encoding.ts';

/** A message type, and where the names in it are looked up. */
export interface MessageType {
  readonly definition: ProtoMessage;
  readonly file: ProtoFile;
  readonly scope: string;
}

/** What the values of a field are. */
export type ValueKind =
  | { readonly kind: 'scalar'; readonly type: string }
  | { readonly kind: 'enum'; readonly definition: ProtoEnum | null }
  | { readonly kind: 'message'; readonly type: MessageType }
  /** A message that every compiler brings, with a form of its own in JSON. */
  | { readonly kind: 'known'; readonly fullName: string };

/** How a field is read. */
export interface FieldReading extends FieldEncoding {
  /** Of the value or the items; of a map the values. */
  readonly value: ValueKind;
  /** The two fields of each entry of a map; null for other fields. */
  readonly entry: EntryReading | null;
  /** Absence is a value of its own, and not the default. */
  readonly isNullable: boolean;
  /** The fields of which only one can be there, this one among them; none outside of a oneof. */
  readonly rivals: readonly number[];
}

/** An entry of a map is a message of two fields: 1 and 2. */
export interface EntryReading {
  readonly key: FieldReading;
  readonly item: FieldReading;
}

/** The fields of messages by their numbers; each message is looked at once. */
export class MessageReading {
  readonly #types: ProtoTypes;
  readonly #known = new Map<ProtoMessage, ReadonlyMap<number, FieldReading>>();

  constructor(types: ProtoTypes) {
    this.#types = types;
  }

  /** The message of the file that an index path names; null when there is none. */
  message(indexes: readonly number[]): MessageType | null {
    const { file } = this.#types;
    let level: readonly ProtoType[] = file.types;
    let scope = file.package;
    let definition: ProtoMessage | null = null;
    for (const index of indexes) {
      definition = level.filter((type) => type.kind === 'message')[index] ?? null;
      if (definition === null) return null;
      scope = scope === '' ? definition.name : `${scope}.${definition.name}`;
      level = definition.types;
    }
    return definition === null ? null : { definition, file, scope };
  }

  fieldsOf(message: MessageType): ReadonlyMap<number, FieldReading> {
    const { definition, file, scope } = message;
    const known =
      this.#known.get(definition) ??
      new Map(
        fieldEncodings(definition, file).map((encoding) => [
          encoding.field.number,
          this.#reading(encoding, definition, scope),
        ]),
      );
    this.#known.set(definition, known);
    return known;
  }

  #reading(encoding: FieldEncoding, { oneofs }: ProtoMessage, scope: string): FieldReading {
    const { field, map, isRepeated } = encoding;
    const value = this.#kindOf(map?.value ?? field.type, scope);
    const oneof = oneofs.find(({ fields }) => fields.includes(field));
    const isMessage = value.kind === 'message' || value.kind === 'known';
    return {
      ...encoding,
      value,
      entry: map === null ? null : entryOf(encoding, map.key, value),
      isNullable: map === null && !isRepeated && (isMessage || oneof !== undefined || field.label === 'optional'),
      rivals: oneof?.fields.map(({ number }) => number) ?? [],
    };
  }

  #kindOf(type: string, scope: string): ValueKind {
    if (scalarTypes.has(type)) return { kind: 'scalar', type };
    const named = this.#types.resolve(type, scope);
    const definition = named?.definition ?? null;
    if (named?.kind === 'enum') return { kind: 'enum', definition: definition?.kind === 'enum' ? definition : null };
    if (definition?.kind === 'message' && named?.file != null)
      return { kind: 'message', type: { definition, file: named.file, scope: named.fullName } };
    return { kind: 'known', fullName: named?.fullName ?? type };
  }
}

function entryOf(encoding: FieldEncoding, keyType: string, value: ValueKind): EntryReading {
  const plain = { ...encoding, map: null, isRepeated: false, hasPresence: false, isDelimited: false };
  const reading = { ...plain, entry: null, isNullable: false, rivals: [] };
  return { key: { ...reading, value: { kind: 'scalar', type: keyType } }, item: { ...reading, value } };
}

/** How the single values of a kind stand: 3 for a message between two tags. */
function wireTypeOf({ value, map, isDelimited }: FieldReading): number {
  if (map !== null) return 2;
  if (value.kind === 'scalar') return scalarForms[value.type]?.wireType ?? 0;
  if (value.kind === 'enum') return 0;
  return isDelimited ? 3 : 2;
}

/** What bytes of a wire type are for a field: one value, a block of numbers, or nothing that the field can hold. */
export function formOf(field: FieldReading, wireType: number): 'ONE' | 'PACKED' | null {
  const wanted = wireTypeOf(field);
  if (wireType === wanted) return 'ONE';
  // Readers take numbers of a list in either form, whatever the schema says.
  const isPackable = wanted === 0 || wanted === 1 || wanted === 5;
  return field.isRepeated && isPackable && wireType === 2 ? 'PACKED' : null;
}
