/** Types of the files that every Protobuf compiler brings; what is in most of them has a JSON form of its own. */
export const wellKnownFiles: Readonly<
  Record<string, { readonly package: string; readonly messages: readonly string[]; readonly enums?: readonly string[] }>
> = {
  'google/protobuf/any.proto': { package: 'google.protobuf', messages: ['Any'] },
  'google/protobuf/api.proto': { package: 'google.protobuf', messages: ['Api', 'Method', 'Mixin'] },
  'google/protobuf/descriptor.proto': {
    package: 'google.protobuf',
    messages: [
      ...[
        'FileDescriptorSet',
        'FileDescriptorProto',
        'DescriptorProto',
        'FieldDescriptorProto',
        'OneofDescriptorProto',
      ],
      ...['EnumDescriptorProto', 'EnumValueDescriptorProto', 'ServiceDescriptorProto', 'MethodDescriptorProto'],
      ...['FileOptions', 'MessageOptions', 'FieldOptions', 'OneofOptions', 'EnumOptions', 'EnumValueOptions'],
      ...['ServiceOptions', 'MethodOptions', 'ExtensionRangeOptions', 'FeatureSet', 'UninterpretedOption'],
      ...['FeatureSetDefaults', 'SourceCodeInfo', 'GeneratedCodeInfo'],
    ],
    enums: [
      ...['Edition', 'FieldDescriptorProto.Type', 'FieldDescriptorProto.Label', 'FileOptions.OptimizeMode'],
      ...['FieldOptions.CType', 'FieldOptions.JSType', 'MethodOptions.IdempotencyLevel'],
    ],
  },
  'google/protobuf/duration.proto': { package: 'google.protobuf', messages: ['Duration'] },
  'google/protobuf/empty.proto': { package: 'google.protobuf', messages: ['Empty'] },
  'google/protobuf/field_mask.proto': { package: 'google.protobuf', messages: ['FieldMask'] },
  'google/protobuf/source_context.proto': { package: 'google.protobuf', messages: ['SourceContext'] },
  'google/protobuf/struct.proto': {
    package: 'google.protobuf',
    messages: ['Struct', 'Value', 'ListValue'],
    enums: ['NullValue'],
  },
  'google/protobuf/timestamp.proto': { package: 'google.protobuf', messages: ['Timestamp'] },
  'google/protobuf/type.proto': {
    package: 'google.protobuf',
    messages: ['Type', 'Field', 'Enum', 'EnumValue', 'Option'],
    enums: ['Syntax', 'Field.Kind', 'Field.Cardinality'],
  },
  'google/protobuf/wrappers.proto': {
    package: 'google.protobuf',
    messages: [
      ...['DoubleValue', 'FloatValue', 'Int64Value', 'UInt64Value', 'Int32Value', 'UInt32Value', 'BoolValue'],
      ...['StringValue', 'BytesValue'],
    ],
  },
};

/** What a well-known message is in JSON and in the catalog, by full name, where it is no object. */
export const wellKnownForms: ReadonlyMap<string, string> = new Map([
  ['google.protobuf.Timestamp', 'string'],
  ['google.protobuf.Duration', 'string'],
  ['google.protobuf.FieldMask', 'string'],
  ['google.protobuf.StringValue', 'string'],
  ['google.protobuf.BytesValue', 'bytes'],
  ['google.protobuf.BoolValue', 'bool'],
  ['google.protobuf.DoubleValue', 'double'],
  ['google.protobuf.FloatValue', 'float'],
  ['google.protobuf.Int32Value', 'int32'],
  ['google.protobuf.UInt32Value', 'uint32'],
  ['google.protobuf.Int64Value', 'int64'],
  ['google.protobuf.UInt64Value', 'uint64'],
]);
