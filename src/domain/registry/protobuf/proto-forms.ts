import {
  mapTypes,
  type ProtoEnum,
  type ProtoExtend,
  type ProtoField,
  type ProtoFile,
  type ProtoMessage,
  type ProtoOneof,
  type ProtoOption,
  type ProtoService,
  type ProtoType,
  scalarTypes,
} from './proto-file.ts';
import type { ProtoTypes } from './proto-types.ts';

/**
 * The form that clients ask for by `normalize=true`: imports, options and fields in a fixed order, types by their full names.
 * Two files that mean the same messages have the same normal form.
 */
export function normalizedProto(types: ProtoTypes): ProtoFile {
  const { file } = types;
  const field = (one: ProtoField, scope: string): ProtoField => ({
    ...one,
    type: one.isGroup ? one.type : fullType(types, one.type, scope),
    options: sorted(one.options),
  });
  const message = (one: ProtoMessage, within: string): ProtoMessage => {
    const scope = within === '' ? one.name : `${within}.${one.name}`;
    const fields = (list: readonly ProtoField[]): readonly ProtoField[] =>
      list.map((inner) => field(inner, scope)).sort((a, b) => a.number - b.number);
    return {
      ...one,
      fields: fields(one.fields),
      oneofs: one.oneofs
        .map((oneof) => ({ ...oneof, fields: fields(oneof.fields), options: sorted(oneof.options) }))
        .sort((a, b) => firstNumber(a) - firstNumber(b)),
      types: one.types.map((inner) => type(inner, scope)),
      extends: one.extends.map((inner) => extension(inner, scope)),
      reservedRanges: one.reservedRanges.toSorted((a, b) => a.from - b.from),
      reservedNames: one.reservedNames.toSorted(),
      options: sorted(one.options),
    };
  };
  const extension = (one: ProtoExtend, scope: string): ProtoExtend => ({
    name: fullType(types, one.name, scope),
    fields: one.fields.map((inner) => field(inner, scope)).sort((a, b) => a.number - b.number),
  });
  const type = (one: ProtoType, within: string): ProtoType =>
    one.kind === 'message' ? message(one, within) : { ...one, options: sorted(one.options) };
  return {
    ...file,
    imports: file.imports.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    options: sorted(file.options),
    types: file.types.map((one) => type(one, file.package)),
    extends: file.extends.map((one) => extension(one, file.package)),
    services: file.services.map((one) => normalizedService(types, one)),
  };
}

function normalizedService(types: ProtoTypes, service: ProtoService): ProtoService {
  const full = (name: string): string => fullType(types, name, types.file.package);
  return {
    ...service,
    options: sorted(service.options),
    methods: service.methods.map((method) => ({
      ...method,
      ...{ request: full(method.request), response: full(method.response), options: sorted(method.options) },
    })),
  };
}

function firstNumber({ fields }: ProtoOneof): number {
  return fields[0]?.number ?? 0;
}

function fullType(types: ProtoTypes, type: string, scope: string): string {
  const map = mapTypes(type);
  if (map !== null) return `map<${map.key}, ${fullType(types, map.value, scope)}>`;
  const named = scalarTypes.has(type) ? null : types.resolve(type, scope);
  return named === null ? type : `.${named.fullName}`;
}

function sorted(options: readonly ProtoOption[]): readonly ProtoOption[] {
  return options.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** A file without extensions and custom options. */
export function withoutExtensions(file: ProtoFile): ProtoFile {
  const plain = (options: readonly ProtoOption[]): readonly ProtoOption[] =>
    options.filter(({ name }) => !name.startsWith('('));
  const field = (one: ProtoField): ProtoField => ({ ...one, options: plain(one.options) });
  const type = (one: ProtoType): ProtoType => (one.kind === 'message' ? message(one) : enumOf(one));
  const enumOf = (one: ProtoEnum): ProtoEnum => ({
    ...one,
    options: plain(one.options),
    values: one.values.map((value) => ({ ...value, options: plain(value.options) })),
  });
  const message = (one: ProtoMessage): ProtoMessage => ({
    ...one,
    fields: one.fields.map(field),
    oneofs: one.oneofs.map((oneof) => ({ ...oneof, fields: oneof.fields.map(field), options: plain(oneof.options) })),
    types: one.types.map(type),
    extends: [],
    extensionRanges: [],
    options: plain(one.options),
  });
  const service = (one: ProtoService): ProtoService => ({
    ...one,
    options: plain(one.options),
    methods: one.methods.map((method) => ({ ...method, options: plain(method.options) })),
  });
  // The message of an extension that is a group goes with it.
  const groups = new Set(
    file.extends.flatMap(({ fields }) => fields.filter(({ isGroup }) => isGroup).map((f) => f.type)),
  );
  const types = file.types.filter(({ name }) => !groups.has(name)).map(type);
  return { ...file, options: plain(file.options), types, extends: [], services: file.services.map(service) };
}
