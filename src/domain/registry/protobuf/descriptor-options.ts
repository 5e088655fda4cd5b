import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';
import { isJsonObject, type JsonObject } from '../json-text.ts';
import type { ProtoOption } from './proto-file.ts';
import { stringOf, stringsOf } from './proto-option.ts';
import { quoted } from './proto-tokens.ts';

/** Number and shape of the extension `confluent.field_meta`, which carries tags; the other custom options stay in the text. */
const metaField = 'confluentFieldMeta';
const metaType = new protobuf.Type('ConfluentMeta')
  .add(new protobuf.Field('doc', 1, 'string'))
  .add(new protobuf.MapField('params', 2, 'string', 'string'))
  .add(new protobuf.Field('tags', 3, 'string', 'repeated'));
descriptor.FieldOptions.add(metaType).add(new protobuf.Field(metaField, 1088, 'ConfluentMeta'));

/** Kinds of things that have options. */
export type OptionsType =
  | 'FileOptions'
  | 'MessageOptions'
  | 'FieldOptions'
  | 'OneofOptions'
  | 'EnumOptions'
  | 'EnumValueOptions'
  | 'ServiceOptions'
  | 'MethodOptions';

/** Options that a descriptor carries elsewhere. */
const elsewhere = new Set(['json_name', 'default']);

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Options as the object of a descriptor; null when a descriptor can carry none of them. */
export function toOptions(kind: OptionsType, options: readonly ProtoOption[]): JsonObject | null {
  const type = descriptor[kind];
  const found: Record<string, unknown> = {};
  for (const { name, value } of options) {
    const field = elsewhere.has(name) ? undefined : type.fields[camel(name)];
    if (field !== undefined) found[camel(name)] = toValue(field.resolve(), value);
    else if (kind === 'FieldOptions' && /^\(\.?confluent\.field_meta\)/.test(name)) addMeta(found, name, value);
  }
  return Object.keys(found).length === 0 ? null : found;
}

function toValue(field: protobuf.Field, value: string): unknown {
  if (field.resolvedType instanceof protobuf.Enum) return field.resolvedType.values[value] ?? 0;
  if (field.type === 'bool') return value === 'true';
  return stringOf(value) ?? Number(value);
}

function addMeta(found: Record<string, unknown>, name: string, value: string): void {
  const member = /\.(doc|tags|params)$/.exec(name)?.[1];
  const text = member === undefined ? value : `${member}: ${value}`;
  const meta: Record<string, unknown> = isJsonObject(found[metaField]) ? { ...found[metaField] } : {};
  const doc = stringOf(/\bdoc: ("(?:[^"\\]|\\.)*")/s.exec(text)?.[1] ?? '');
  if (doc !== null) meta.doc = doc;
  const tags = [...text.matchAll(/\btags: (\[[^\]]*\]|"(?:[^"\\]|\\.)*")/gs)].flatMap(([, list]) =>
    stringsOf(list ?? ''),
  );
  if (tags.length > 0) meta.tags = [...(Array.isArray(meta.tags) ? meta.tags : []), ...tags];
  const pairs = [...text.matchAll(/key: ("(?:[^"\\]|\\.)*"),? value: ("(?:[^"\\]|\\.)*")/gs)];
  if (pairs.length > 0)
    meta.params = Object.fromEntries(
      pairs.map(([, key, param]) => [stringOf(key ?? '') ?? '', stringOf(param ?? '') ?? '']),
    );
  found[metaField] = meta;
}

/** Options of a descriptor as source. */
export function fromOptions(kind: OptionsType, options: unknown): ProtoOption[] {
  if (!isJsonObject(options)) return [];
  const type = descriptor[kind];
  return Object.entries(options).flatMap(([key, value]) => {
    if (key === metaField) return fromMeta(value);
    const field = type.fields[key]?.resolve();
    if (field === undefined || key === 'mapEntry' || Array.isArray(value) || isJsonObject(value)) return [];
    return [{ name: snake(key), value: fromValue(field, value) }];
  });
}

function fromValue(field: protobuf.Field, value: unknown): string {
  if (field.resolvedType instanceof protobuf.Enum) return field.resolvedType.valuesById[Number(value)] ?? String(value);
  return typeof value === 'string' ? quoted(value) : String(value);
}

function fromMeta(meta: unknown): ProtoOption[] {
  if (!isJsonObject(meta)) return [];
  const name = '(confluent.field_meta)';
  const texts = Array.isArray(meta.tags) ? meta.tags.map((tag) => quoted(String(tag))) : [];
  const params = Object.entries(isJsonObject(meta.params) ? meta.params : {}).map(
    ([key, value]) => `{ key: ${quoted(key)}, value: ${quoted(String(value))} }`,
  );
  return [
    ...(typeof meta.doc === 'string' && meta.doc !== '' ? [{ name: `${name}.doc`, value: quoted(meta.doc) }] : []),
    ...(texts.length > 0
      ? [{ name: `${name}.tags`, value: texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]` }]
      : []),
    ...(params.length > 0
      ? [{ name: `${name}.params`, value: params.length === 1 ? (params[0] ?? '') : `[${params.join(', ')}]` }]
      : []),
  ];
}
