/** `name = value` of an option; the value is canonical source text. Custom options keep their parentheses. */
export interface ProtoOption {
  readonly name: string;
  readonly value: string;
}

export type ProtoLabel = 'optional' | 'required' | 'repeated' | null;

export interface ProtoField {
  readonly label: ProtoLabel;
  /** As written: a scalar, a name, or `map<key, value>`. */
  readonly type: string;
  readonly name: string;
  readonly number: number;
  readonly options: readonly ProtoOption[];
  /** True for a group of proto2, whose message stands among the nested types. */
  readonly isGroup: boolean;
  /** `line:column` in the source, for messages about it. */
  readonly at: string;
}

export interface ProtoOneof {
  readonly name: string;
  readonly fields: readonly ProtoField[];
  readonly options: readonly ProtoOption[];
}

/** `reserved` and `extensions`: source texts of ranges and quoted names. */
export interface ProtoRange {
  readonly from: number;
  readonly to: number;
}

export interface ProtoMessage {
  readonly kind: 'message';
  readonly name: string;
  readonly fields: readonly ProtoField[];
  readonly oneofs: readonly ProtoOneof[];
  readonly types: readonly ProtoType[];
  readonly extends: readonly ProtoExtend[];
  readonly reservedRanges: readonly ProtoRange[];
  readonly reservedNames: readonly string[];
  readonly extensionRanges: readonly ProtoRange[];
  readonly options: readonly ProtoOption[];
}

export interface ProtoEnumValue {
  readonly name: string;
  readonly number: number;
  readonly options: readonly ProtoOption[];
}

export interface ProtoEnum {
  readonly kind: 'enum';
  readonly name: string;
  readonly values: readonly ProtoEnumValue[];
  readonly reservedRanges: readonly ProtoRange[];
  readonly reservedNames: readonly string[];
  readonly options: readonly ProtoOption[];
}

export type ProtoType = ProtoMessage | ProtoEnum;

export interface ProtoExtend {
  readonly name: string;
  readonly fields: readonly ProtoField[];
}

export interface ProtoMethod {
  readonly name: string;
  readonly request: string;
  readonly response: string;
  readonly streamsRequest: boolean;
  readonly streamsResponse: boolean;
  readonly options: readonly ProtoOption[];
}

export interface ProtoService {
  readonly name: string;
  readonly methods: readonly ProtoMethod[];
  readonly options: readonly ProtoOption[];
}

export interface ProtoImport {
  readonly path: string;
  readonly modifier: 'public' | 'weak' | null;
}

/** A .proto file without its comments. */
export interface ProtoFile {
  /** `proto2` also where the file says nothing; an edition by its year. */
  readonly syntax: string;
  readonly package: string;
  readonly imports: readonly ProtoImport[];
  readonly options: readonly ProtoOption[];
  readonly types: readonly ProtoType[];
  readonly extends: readonly ProtoExtend[];
  readonly services: readonly ProtoService[];
}

export const maxFieldNumber = 536_870_911;

export const scalarTypes: ReadonlySet<string> = new Set([
  ...['double', 'float', 'int32', 'int64', 'uint32', 'uint64', 'sint32', 'sint64'],
  ...['fixed32', 'fixed64', 'sfixed32', 'sfixed64', 'bool', 'string', 'bytes'],
]);

/** Key and value of a map type; null for any other. */
export function mapTypes(type: string): { readonly key: string; readonly value: string } | null {
  const [, key, value] = /^map<(\w+), ([\w.]+)>$/.exec(type) ?? [];
  return key === undefined || value === undefined ? null : { key, value };
}

/** Fields of a message with those of its oneofs. */
export function allFields(message: ProtoMessage): readonly ProtoField[] {
  return [...message.fields, ...message.oneofs.flatMap((oneof) => oneof.fields)];
}
