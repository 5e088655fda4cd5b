import descriptor from 'protobufjs/ext/descriptor.js';
import { z } from 'zod';
import { fromOptions } from './descriptor-options.ts';
import type {
  ProtoEnum,
  ProtoExtend,
  ProtoField,
  ProtoFile,
  ProtoMessage,
  ProtoOneof,
  ProtoOption,
  ProtoType,
} from './proto-file.ts';
import { quoted, stringLiteral } from './proto-tokens.ts';
import { jsonName } from './protobuf-message.ts';
import { firstEdition, typeNumbers } from './to-descriptor.ts';

const text = z.string().default('');
// What a name is in source: anything else would become source of its own when it is printed.
const name = z.string().regex(/^[A-Za-z_]\w*$/);
const path = z.string().regex(/^\.?[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/);
const maybePath = z.union([path, z.literal('')]).default('');
const list = <T extends z.ZodType>(item: T) => z.array(item).default([]);
const range = z.object({ start: z.number(), end: z.number() });

const fieldShape = z.object({
  ...{ name, number: z.number(), label: z.number().default(1), type: z.number() },
  ...{ typeName: maybePath, jsonName: text, extendee: maybePath, defaultValue: z.string().optional() },
  ...{ oneofIndex: z.number().optional(), proto3Optional: z.boolean().default(false), options: z.unknown().optional() },
});
const enumShape = z.object({
  name,
  value: list(z.object({ name, number: z.number().default(0), options: z.unknown().optional() })),
  ...{ reservedRange: list(range), reservedName: list(z.string()), options: z.unknown().optional() },
});
const messageShape = z.object({
  name,
  ...{ field: list(fieldShape), extension: list(fieldShape), enumType: list(enumShape) },
  // Parsed when it is entered: the shape is recursive.
  nestedType: list(z.unknown()),
  oneofDecl: list(z.object({ name, options: z.unknown().optional() })),
  ...{
    extensionRange: list(range),
    reservedRange: list(range),
    reservedName: list(z.string()),
    options: z.unknown().optional(),
  },
});
const methodShape = z.object({
  ...{ name, inputType: path, outputType: path, options: z.unknown().optional() },
  ...{ clientStreaming: z.boolean().default(false), serverStreaming: z.boolean().default(false) },
});
const fileShape = z.object({
  ...{
    package: maybePath,
    syntax: z.enum(['proto2', 'proto3', 'editions']).default('proto2'),
    edition: z.number().optional(),
    options: z.unknown().optional(),
  },
  ...{ dependency: list(z.string()), publicDependency: list(z.number()), weakDependency: list(z.number()) },
  ...{ messageType: list(messageShape), enumType: list(enumShape), extension: list(fieldShape) },
  service: list(z.object({ name, method: list(methodShape), options: z.unknown().optional() })),
});

type FieldDescriptor = z.infer<typeof fieldShape>;
type MessageDescriptor = z.infer<typeof messageShape>;
type EnumDescriptor = z.infer<typeof enumShape>;

const typeWords = new Map(Object.entries(typeNumbers).map(([word, number]) => [number, word]));

/** The file of a serialized `FileDescriptorProto`; null when the bytes are none. */
export function fromDescriptor(bytes: Uint8Array): ProtoFile | null {
  const type = descriptor.FileDescriptorProto;
  try {
    const parsed = fileShape.safeParse(type.toObject(type.decode(bytes), { arrays: true }));
    return parsed.success ? fileOf(parsed.data) : null;
  } catch {
    return null;
  }
}

function fileOf(file: z.infer<typeof fileShape>): ProtoFile {
  const read = new DescriptorReader(file.package, file.edition === undefined ? file.syntax : 'editions');
  const modifier = (index: number) =>
    file.publicDependency.includes(index) ? 'public' : file.weakDependency.includes(index) ? 'weak' : null;
  return {
    syntax: file.edition === undefined ? file.syntax : String(file.edition - firstEdition.number + firstEdition.year),
    package: file.package,
    imports: file.dependency.map((path, index) => ({ path, modifier: modifier(index) })),
    options: fromOptions('FileOptions', file.options),
    types: [...file.messageType.map((one) => read.message(one, 0)), ...file.enumType.map(enumOf)],
    extends: read.extends(file.extension),
    services: file.service.map((service) => ({
      name: service.name,
      methods: service.method.map((method) => ({
        name: method.name,
        request: read.name(method.inputType),
        response: read.name(method.outputType),
        streamsRequest: method.clientStreaming,
        streamsResponse: method.serverStreaming,
        options: fromOptions('MethodOptions', method.options),
      })),
      options: fromOptions('ServiceOptions', service.options),
    })),
  };
}

class DescriptorReader {
  readonly #package: string;
  readonly #syntax: string;

  constructor(inPackage: string, syntax: string) {
    this.#package = inPackage;
    this.#syntax = syntax;
  }

  /** A full name, relative to the package where it is inside of it. */
  name(typeName: string): string {
    const full = typeName.replace(/^\./, '');
    return this.#package !== '' && full.startsWith(`${this.#package}.`) ? full.slice(this.#package.length + 1) : full;
  }

  message(message: MessageDescriptor, depth: number): ProtoMessage {
    if (depth > 64) throw new RangeError('messages are nested too deeply');
    const entries = new Map<string, MessageDescriptor>();
    const types: ProtoType[] = [];
    for (const inner of message.nestedType) {
      const nested = messageShape.parse(inner);
      if (isMapEntry(nested)) entries.set(nested.name, nested);
      else types.push(this.message(nested, depth + 1));
    }
    const read = (field: FieldDescriptor): ProtoField => this.#field(field, entries.get(lastName(field.typeName)));
    const inOneof = (field: FieldDescriptor): boolean => field.oneofIndex !== undefined && !field.proto3Optional;
    const oneofs = message.oneofDecl.map((oneof, index): ProtoOneof => {
      const members = message.field.filter((field) => inOneof(field) && field.oneofIndex === index);
      const fields = members.map((field) => ({ ...read(field), label: null }));
      return { name: oneof.name, fields, options: fromOptions('OneofOptions', oneof.options) };
    });
    return {
      kind: 'message',
      name: message.name,
      fields: message.field.filter((field) => !inOneof(field)).map(read),
      oneofs: oneofs.filter((oneof) => oneof.fields.length > 0),
      types: [...types, ...message.enumType.map(enumOf)],
      extends: this.extends(message.extension),
      reservedRanges: message.reservedRange.map(({ start, end }) => ({ from: start, to: end - 1 })),
      reservedNames: message.reservedName,
      extensionRanges: message.extensionRange.map(({ start, end }) => ({ from: start, to: end - 1 })),
      options: fromOptions('MessageOptions', message.options),
    };
  }

  extends(fields: readonly FieldDescriptor[]): ProtoExtend[] {
    const byName = Map.groupBy(fields, (field) => field.extendee);
    return [...byName].map(([name, members]) => ({
      name: this.name(name),
      fields: members.map((field) => this.#field(field, undefined)),
    }));
  }

  #field(field: FieldDescriptor, entry: MessageDescriptor | undefined): ProtoField {
    const [key, value] = entry?.field ?? [];
    const isMap = key !== undefined && value !== undefined;
    return {
      label: isMap ? null : this.#label(field),
      type: isMap ? `map<${this.#type(key)}, ${this.#type(value)}>` : this.#type(field),
      name: field.name,
      number: field.number,
      options: [...this.#ownOptions(field), ...fromOptions('FieldOptions', field.options)],
      isGroup: field.type === typeNumbers.group,
      at: field.name,
    };
  }

  #type(field: FieldDescriptor): string {
    if (field.type === typeNumbers.group) return lastName(field.typeName);
    return field.typeName === '' ? (typeWords.get(field.type) ?? 'bytes') : this.name(field.typeName);
  }

  #label(field: FieldDescriptor): ProtoField['label'] {
    if (field.label === 3) return 'repeated';
    if (field.label === 2 && this.#syntax !== 'editions') return 'required';
    return this.#syntax === 'proto2' || field.proto3Optional ? 'optional' : null;
  }

  #ownOptions(field: FieldDescriptor): ProtoOption[] {
    return [
      ...(field.defaultValue === undefined ? [] : [{ name: 'default', value: defaultOf(field, field.defaultValue) }]),
      ...(field.jsonName === '' || field.jsonName === jsonName(field.name)
        ? []
        : [{ name: 'json_name', value: quoted(field.jsonName) }]),
    ];
  }
}

/** Source of a default value: bytes are escaped already, numbers and symbols stand for themselves. */
function defaultOf({ type }: FieldDescriptor, value: string): string {
  if (type === typeNumbers.string) return quoted(value);
  if (type === typeNumbers.bytes) return quoted(stringLiteral(`"${value}"`));
  if (!/^-?[\w.+-]+$/.test(value)) throw new RangeError('a default value is no value');
  return value;
}

function isMapEntry(message: MessageDescriptor): boolean {
  return z.object({ mapEntry: z.literal(true) }).safeParse(message.options).success;
}

function lastName(typeName: string): string {
  return typeName.slice(typeName.lastIndexOf('.') + 1);
}

function enumOf(type: EnumDescriptor): ProtoEnum {
  return {
    kind: 'enum',
    name: type.name,
    values: type.value.map(({ name, number, options }) => ({
      ...{ name, number },
      options: fromOptions('EnumValueOptions', options),
    })),
    reservedRanges: type.reservedRange.map(({ start, end }) => ({ from: start, to: end })),
    reservedNames: type.reservedName,
    options: fromOptions('EnumOptions', type.options),
  };
}
