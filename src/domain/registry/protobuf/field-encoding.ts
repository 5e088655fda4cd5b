import { allFields, mapTypes, type ProtoField, type ProtoFile, type ProtoMessage } from './proto-file.ts';

/** How a field is written. */
export interface FieldEncoding {
  readonly field: ProtoField;
  /** Key and value of a map; null for other fields. */
  readonly map: { readonly key: string; readonly value: string } | null;
  readonly isRepeated: boolean;
  /** Numbers of a list stand in one block. */
  readonly isPacked: boolean;
  /** The value that a reader takes for an absent field is written too. */
  readonly hasPresence: boolean;
  /** A message stands between two tags, without its length. */
  readonly isDelimited: boolean;
}

/** The fields of a message in the order of their numbers, by the syntax or edition of the file that defines it. */
export function fieldEncodings(message: ProtoMessage, file: ProtoFile): readonly FieldEncoding[] {
  const inOneof = new Set(message.oneofs.flatMap((oneof) => oneof.fields));
  return allFields(message)
    .map((field) => encodingOf(field, file, inOneof.has(field)))
    .sort((a, b) => a.field.number - b.field.number);
}

function encodingOf(field: ProtoField, file: ProtoFile, isInOneof: boolean): FieldEncoding {
  const isProto2 = file.syntax === 'proto2';
  const isProto3 = file.syntax === 'proto3';
  const packed = field.options.find(({ name }) => name === 'packed')?.value;
  const feature = (name: string): string | null => featureOf(field, name) ?? featureOf(file, name);
  return {
    field,
    map: mapTypes(field.type),
    isRepeated: field.label === 'repeated',
    isPacked: isProto2
      ? packed === 'true'
      : isProto3
        ? packed !== 'false'
        : feature('repeated_field_encoding') !== 'EXPANDED',
    hasPresence: isInOneof || (isProto3 ? field.label === 'optional' : feature('field_presence') !== 'IMPLICIT'),
    isDelimited: field.isGroup || (!isProto2 && !isProto3 && feature('message_encoding') === 'DELIMITED'),
  };
}

/** A feature of an edition as an element sets it: `features.name = VALUE`, or `features = { name: VALUE }`. */
function featureOf({ options }: Pick<ProtoField, 'options'>, feature: string): string | null {
  const own = options.findLast(({ name }) => name === `features.${feature}`)?.value;
  if (own !== undefined) return own;
  const all = options.find(({ name }) => name === 'features')?.value ?? '';
  return new RegExp(`\\b${feature}: (\\w+)`).exec(all)?.[1] ?? null;
}
