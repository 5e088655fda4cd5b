import {
  allFields,
  mapTypes,
  maxFieldNumber,
  type ProtoEnum,
  type ProtoField,
  type ProtoFile,
  type ProtoMessage,
  type ProtoType,
  scalarTypes,
} from './proto-file.ts';
import { protoFault } from './proto-tokens.ts';

const keyTypes = new Set([...scalarTypes].filter((type) => !['double', 'float', 'bytes'].includes(type)));

/**
 * Checks what the grammar does not: names and numbers that stand twice, reserved ones, and the rules of the syntax.
 * @throws LinewardError SCHEMA_INVALID
 */
export function assertProtoRules(file: ProtoFile): void {
  assertTypes(file.types, file.syntax);
}

function assertTypes(types: readonly ProtoType[], syntax: string): void {
  const values = new Set<string>();
  for (const type of types) {
    assertType(type, syntax);
    // Values stand beside their enum, not inside of it, as in C.
    for (const { name } of type.kind === 'enum' ? type.values : []) {
      if (values.has(name))
        throw protoFault(`another enum of this scope has the value "${name.slice(0, 80)}"`, type.name);
      values.add(name);
    }
  }
}

function assertType(type: ProtoType, syntax: string): void {
  if (type.kind === 'enum') {
    assertEnum(type, syntax);
    return;
  }
  assertMessage(type, syntax);
  assertTypes(type.types, syntax);
}

function assertMessage(message: ProtoMessage, syntax: string): void {
  const numbers = new Map<number, string>();
  const names = new Set<string>();
  for (const field of allFields(message)) {
    assertField(message, field, syntax);
    const holder = numbers.get(field.number);
    if (holder !== undefined)
      throw protoFault(`the number ${field.number} is taken by the field "${holder.slice(0, 80)}"`, field.at);
    numbers.set(field.number, field.name);
    if (names.has(field.name)) throw protoFault(`the message has another field "${field.name.slice(0, 80)}"`, field.at);
    names.add(field.name);
  }
  for (const oneof of message.oneofs) {
    if (names.has(oneof.name))
      throw protoFault(`the message has another field or oneof "${oneof.name.slice(0, 80)}"`, message.name);
    names.add(oneof.name);
    if (oneof.fields.length === 0)
      throw protoFault(`the oneof "${oneof.name.slice(0, 80)}" has no field`, message.name);
    const labelled = oneof.fields.find((field) => field.label !== null || mapTypes(field.type) !== null);
    if (labelled !== undefined) throw protoFault('a field of a oneof has no label and is no map', labelled.at);
  }
}

function assertField(message: ProtoMessage, field: ProtoField, syntax: string): void {
  const { number, name, label, at } = field;
  if (number < 1 || number > maxFieldNumber) throw protoFault(`a field number is from 1 to ${maxFieldNumber}`, at);
  if (number >= 19_000 && number <= 19_999)
    throw protoFault('the numbers 19000 to 19999 belong to Protobuf itself', at);
  if (message.reservedRanges.some(({ from, to }) => number >= from && number <= to))
    throw protoFault(`the number ${number} is reserved in this message`, at);
  if (message.reservedNames.includes(name))
    throw protoFault(`the name "${name.slice(0, 80)}" is reserved in this message`, at);
  if (message.extensionRanges.some(({ from, to }) => number >= from && number <= to))
    throw protoFault(`the number ${number} is left to extensions of this message`, at);
  assertSyntax(field, syntax);
  const map = mapTypes(field.type);
  if (map !== null && !keyTypes.has(map.key))
    throw protoFault('the key of a map is an integer, a bool or a string', at);
  if (map !== null && label !== null) throw protoFault('a map has no label', at);
}

function assertSyntax({ label, isGroup, options, at }: ProtoField, syntax: string): void {
  const isEdition = /^\d/.test(syntax);
  if (isEdition && (label === 'optional' || label === 'required'))
    throw protoFault('an edition has features.field_presence instead of this label', at);
  if (isEdition && isGroup) throw protoFault('an edition has features.message_encoding instead of groups', at);
  if (syntax === 'proto3' && options.some((option) => option.name === 'default'))
    throw protoFault('proto3 has no default values', at);
  if (syntax === 'proto3' && label === 'required') throw protoFault('proto3 has no required fields', at);
  if (syntax === 'proto3' && isGroup) throw protoFault('proto3 has no groups', at);
}

function assertEnum(type: ProtoEnum, syntax: string): void {
  const at = type.name;
  const [first] = type.values;
  if (first === undefined) throw protoFault('an enum has at least one value', at);
  if (syntax === 'proto3' && first.number !== 0) throw protoFault('the first value of an enum of proto3 is 0', at);
  const allowsAlias = type.options.some((option) => option.name === 'allow_alias' && option.value === 'true');
  const numbers = new Set<number>();
  const names = new Set<string>();
  for (const { name, number } of type.values) {
    if (names.has(name)) throw protoFault(`the enum has another value "${name.slice(0, 80)}"`, at);
    if (numbers.has(number) && !allowsAlias)
      throw protoFault(`the number ${number} stands twice; set allow_alias if that is meant`, at);
    if (type.reservedNames.includes(name) || type.reservedRanges.some(({ from, to }) => number >= from && number <= to))
      throw protoFault(`the value "${name.slice(0, 80)}" is reserved in this enum`, at);
    if (number < -(2 ** 31) || number >= 2 ** 31) throw protoFault('a value is a 32-bit number', at);
    names.add(name);
    numbers.add(number);
  }
}
