import descriptor from 'protobufjs/ext/descriptor.js';
import { toOptions } from './descriptor-options.ts';
import {
  mapTypes,
  type ProtoEnum,
  type ProtoField,
  type ProtoMessage,
  type ProtoRange,
  type ProtoService,
} from './proto-file.ts';
import { stringOf } from './proto-option.ts';
import { escapedBytes } from './proto-tokens.ts';
import type { ProtoTypes } from './proto-types.ts';
import { jsonName } from './protobuf-message.ts';

/** Numbers of `FieldDescriptorProto.Type`. */
export const typeNumbers: Readonly<Record<string, number>> = {
  ...{ double: 1, float: 2, int64: 3, uint64: 4, int32: 5, fixed64: 6, fixed32: 7, bool: 8, string: 9, group: 10 },
  ...{ message: 11, bytes: 12, uint32: 13, enum: 14, sfixed32: 15, sfixed64: 16, sint32: 17, sint64: 18 },
};

/** `Edition` numbers its editions from 1000 for 2023. */
export const firstEdition = { year: 2_023, number: 1_000 };

/** A file as a serialized `FileDescriptorProto`. Of custom options it carries `confluent.field_meta` alone. */
export function toDescriptor(types: ProtoTypes): Uint8Array {
  const { file } = types;
  const isEdition = /^\d/.test(file.syntax);
  const indexes = (modifier: string): number[] =>
    file.imports.flatMap((one, index) => (one.modifier === modifier ? [index] : []));
  const messages = new Messages(types);
  const object = {
    name: 'default.proto',
    package: file.package === '' ? undefined : file.package,
    dependency: file.imports.map(({ path }) => path),
    publicDependency: indexes('public'),
    weakDependency: indexes('weak'),
    messageType: file.types.flatMap((type) => (type.kind === 'message' ? [messages.message(type, file.package)] : [])),
    enumType: file.types.flatMap((type) => (type.kind === 'enum' ? [enumOf(type)] : [])),
    service: file.services.map((service) => serviceOf(service, types)),
    extension: file.extends.flatMap(({ name, fields }) =>
      fields.map((field) => messages.extension(field, name, file.package)),
    ),
    options: toOptions('FileOptions', file.options) ?? undefined,
    syntax: isEdition ? 'editions' : file.syntax === 'proto2' ? undefined : file.syntax,
    edition: isEdition ? Number(file.syntax) - firstEdition.year + firstEdition.number : undefined,
  };
  const type = descriptor.FileDescriptorProto;
  return type.encode(type.fromObject(object)).finish();
}

interface FieldPlace {
  readonly scope: string;
  /** Position among the oneofs of the message. */
  readonly oneofIndex?: number;
  readonly proto3Optional?: boolean;
}

class Messages {
  readonly #types: ProtoTypes;

  constructor(types: ProtoTypes) {
    this.#types = types;
  }

  message(message: ProtoMessage, within: string): object {
    const scope = within === '' ? message.name : `${within}.${message.name}`;
    const isProto3 = this.#types.file.syntax === 'proto3';
    // Every optional field of proto3 stands in a oneof of its own, behind the written ones.
    const optional = isProto3 ? message.fields.filter((field) => field.label === 'optional') : [];
    const oneofIndexOf = (field: ProtoField): number => message.oneofs.length + optional.indexOf(field);
    const maps = message.fields.filter((field) => mapTypes(field.type) !== null);
    return {
      name: message.name,
      field: [
        ...message.fields.map((field) =>
          this.#field(
            field,
            optional.includes(field) ? { scope, oneofIndex: oneofIndexOf(field), proto3Optional: true } : { scope },
          ),
        ),
        ...message.oneofs.flatMap((oneof, oneofIndex) =>
          oneof.fields.map((field) => this.#field(field, { scope, oneofIndex })),
        ),
      ],
      nestedType: [
        ...message.types.flatMap((type) => (type.kind === 'message' ? [this.message(type, scope)] : [])),
        ...maps.map((field) => this.#mapEntry(field, scope)),
      ],
      enumType: message.types.flatMap((type) => (type.kind === 'enum' ? [enumOf(type)] : [])),
      extension: message.extends.flatMap(({ name, fields }) =>
        fields.map((field) => this.extension(field, name, scope)),
      ),
      oneofDecl: [
        ...message.oneofs.map(({ name, options }) => ({
          name,
          options: toOptions('OneofOptions', options) ?? undefined,
        })),
        ...optional.map((field) => ({ name: `_${field.name}` })),
      ],
      extensionRange: message.extensionRanges.map(exclusive),
      reservedRange: message.reservedRanges.map(exclusive),
      reservedName: message.reservedNames,
      options: toOptions('MessageOptions', message.options) ?? undefined,
    };
  }

  extension(field: ProtoField, extendee: string, scope: string): object {
    return { ...this.#field(field, { scope }), extendee: this.#reference(extendee, scope) };
  }

  #field(field: ProtoField, place: FieldPlace): object {
    const isMap = mapTypes(field.type) !== null;
    const label = isMap || field.label === 'repeated' ? 3 : field.label === 'required' ? 2 : 1;
    const option = (name: string): string | undefined => field.options.find((one) => one.name === name)?.value;
    const fallback = option('default');
    const given = option('json_name');
    return {
      name: field.name,
      number: field.number,
      label,
      ...(isMap
        ? { type: typeNumbers.message, typeName: `.${place.scope}.${entryName(field)}` }
        : this.#type(field, place.scope)),
      jsonName: (given === undefined ? null : stringOf(given)) ?? jsonName(field.name),
      defaultValue: fallback === undefined ? undefined : defaultText(field.type, fallback),
      options: toOptions('FieldOptions', field.options) ?? undefined,
      ...(place.oneofIndex === undefined ? {} : { oneofIndex: place.oneofIndex }),
      ...(place.proto3Optional === true ? { proto3Optional: true } : {}),
    };
  }

  #type({ type, isGroup }: Pick<ProtoField, 'type' | 'isGroup'>, scope: string): object {
    const scalar = typeNumbers[type];
    const named = scalar === undefined ? this.#types.resolve(type, scope) : null;
    if (named === null) return { type: scalar };
    const kind = isGroup ? 'group' : named.kind;
    return { type: typeNumbers[kind], typeName: `.${named.fullName}` };
  }

  #reference(name: string, scope: string): string {
    return `.${this.#types.resolve(name, scope)?.fullName ?? name}`;
  }

  #mapEntry(field: ProtoField, scope: string): object {
    const { key, value } = mapTypes(field.type) ?? { key: 'string', value: 'string' };
    const member = (name: string, number: number, type: string): object => ({
      ...{ name, number, label: 1, jsonName: name },
      ...this.#type({ type, isGroup: false }, scope),
    });
    return {
      name: entryName(field),
      field: [member('key', 1, key), member('value', 2, value)],
      options: { mapEntry: true },
    };
  }
}

/** A default value as a descriptor writes it: bytes escaped, integers in decimal. */
function defaultText(type: string, value: string): string {
  const text = stringOf(value);
  if (text !== null) return type === 'bytes' ? escapedBytes(text) : text;
  const [, sign = '', digits] = /^(-?)(0[xX][\da-fA-F]+|0[0-7]+)$/.exec(value) ?? [];
  return digits === undefined ? value : `${sign}${BigInt(digits.replace(/^0(?=[0-7])/, '0o'))}`;
}

/** Name of the message that stands for the entries of a map field: `a_b` → `ABEntry`. */
function entryName(field: { readonly name: string }): string {
  const camel = jsonName(field.name);
  return `${camel.slice(0, 1).toUpperCase()}${camel.slice(1)}Entry`;
}

function exclusive({ from, to }: ProtoRange): object {
  return { start: from, end: to + 1 };
}

function enumOf(type: ProtoEnum): object {
  return {
    name: type.name,
    value: type.values.map(({ name, number, options }) => ({
      ...{ name, number },
      options: toOptions('EnumValueOptions', options) ?? undefined,
    })),
    reservedRange: type.reservedRanges.map(({ from, to }) => ({ start: from, end: to })),
    reservedName: type.reservedNames,
    options: toOptions('EnumOptions', type.options) ?? undefined,
  };
}

function serviceOf(service: ProtoService, types: ProtoTypes): object {
  const reference = (name: string): string => `.${types.resolve(name, types.file.package)?.fullName ?? name}`;
  return {
    name: service.name,
    method: service.methods.map((method) => ({
      name: method.name,
      inputType: reference(method.request),
      outputType: reference(method.response),
      clientStreaming: method.streamsRequest || undefined,
      serverStreaming: method.streamsResponse || undefined,
      options: toOptions('MethodOptions', method.options) ?? undefined,
    })),
    options: toOptions('ServiceOptions', service.options) ?? undefined,
  };
}
