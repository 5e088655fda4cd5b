import { LinewardError } from '../../../errors/lineward-error.ts';
import { FieldCollection } from '../field-collection.ts';
import type { FieldMeaning, SchemaFieldPath } from '../schema-format.ts';
import { mapTypes, type ProtoField, type ProtoMessage, type ProtoOption, scalarTypes } from './proto-file.ts';
import { stringOf, stringsOf } from './proto-option.ts';
import type { ProtoTypes } from './proto-types.ts';
import { wellKnownForms } from './well-known-types.ts';

/** Most paths of one schema; shared messages make more paths than fields. */
const pathsMax = 10_000;
/** Longest path, in characters. */
const pathCharsMax = 2_048;
/** Deepest message within a message that a path leads to. */
const depthMax = 128;

/**
 * An Any holds a message of any schema, whose fields may have types that nobody can see here. Where its field says nothing, it
 * counts as of a type that is not registered, and plans remove it.
 */
const anyType = 'google.protobuf.Any';

const avroTypes: Readonly<Record<string, string>> = {
  ...{ int32: 'int', sint32: 'int', sfixed32: 'int', uint32: 'long', fixed32: 'long', bool: 'boolean' },
  ...{ int64: 'long', sint64: 'long', sfixed64: 'long', uint64: 'long', fixed64: 'long' },
  ...{ float: 'float', double: 'double', string: 'string', bytes: 'bytes' },
};

/**
 * All paths of the first message of a file, in its order, types in Avro's words. Well-known types are what their JSON form is:
 * a Timestamp is a string, a wrapper its value or null. A message inside itself is shown and not entered again:
 * the path says where it began.
 * @throws LinewardError LIMIT_EXCEEDED for more than 10,000 paths, or paths that are too deep or too long.
 */
export function protobufFields(types: ProtoTypes): readonly SchemaFieldPath[] {
  const root = types.file.types.find((type) => type.kind === 'message');
  if (root === undefined) return [];
  const walk = new FieldWalk(types);
  walk.enter(root, types.file.package === '' ? root.name : `${types.file.package}.${root.name}`, '');
  return walk.found.all([metaOf(root.options)]);
}

class FieldWalk {
  readonly found = new FieldCollection();
  readonly #types: ProtoTypes;
  /** The messages around, each with the path at which it was entered. */
  readonly #open = new Map<ProtoMessage, string>();

  constructor(types: ProtoTypes) {
    this.#types = types;
  }

  enter(message: ProtoMessage, scope: string, prefix: string): void {
    const begun = this.#open.get(message);
    if (begun !== undefined) {
      this.found.recur(prefix, begun);
      return;
    }
    this.#open.set(message, prefix);
    if (this.#open.size > depthMax)
      throw overLimit(`The messages of the schema lie more than ${depthMax} levels within each other`);
    for (const field of message.fields) this.#field(field, { scope, prefix, isOptional: false });
    for (const oneof of message.oneofs)
      for (const field of oneof.fields) this.#field(field, { scope, prefix, isOptional: true });
    this.#open.delete(message);
  }

  #field(
    field: ProtoField,
    at: { readonly scope: string; readonly prefix: string; readonly isOptional: boolean },
  ): void {
    const path = at.prefix === '' ? field.name : `${at.prefix}.${field.name}`;
    if (this.found.size >= pathsMax) throw overLimit(`The schema has more than ${pathsMax} fields`);
    if (path.length > pathCharsMax)
      throw overLimit(`The schema has a field path of more than ${pathCharsMax} characters`);
    const map = mapTypes(field.type);
    const inner = map?.value ?? field.type;
    const named = scalarTypes.has(inner) ? null : this.#types.resolve(inner, at.scope);
    const isSingle = map === null && field.label !== 'repeated';
    const isMessage = named?.kind === 'message';
    const { doc, ...own } = metaOf(field.options);
    this.found.add({
      path,
      type: map === null ? (isSingle ? this.#typeName(inner, at.scope) : 'array') : 'map',
      nullable: isSingle && (isMessage || at.isOptional || field.label === 'optional'),
      required: field.label === 'required',
      meanings: [withMessage(own, named)],
      doc,
    });
    if (named?.definition?.kind !== 'message') return;
    this.enter(named.definition, named.fullName, `${path}${map === null ? (isSingle ? '' : '[]') : '{}'}`);
  }

  #typeName(type: string, scope: string): string {
    if (scalarTypes.has(type)) return avroTypes[type] ?? 'bytes';
    const named = this.#types.resolve(type, scope);
    if (named?.kind === 'enum') return 'enum';
    const form = wellKnownForms.get(named?.fullName ?? '');
    return form === undefined ? 'record' : (avroTypes[form] ?? form);
  }
}

/** The field and its message speak of one thing, and the field comes first. */
function withMessage(own: FieldMeaning, named: ReturnType<ProtoTypes['resolve']>): FieldMeaning {
  if (named?.fullName === anyType) return { ...own, semanticType: own.semanticType ?? anyType };
  if (named?.definition?.kind !== 'message') return own;
  const { semanticType, tags } = metaOf(named.definition.options);
  return { semanticType: own.semanticType ?? semanticType, tags: [...new Set([...own.tags, ...tags])] };
}

function overLimit(message: string): LinewardError {
  return new LinewardError('LIMIT_EXCEEDED', `${message}.`, { path: ['schema'] });
}

/** What options say of a field or a message: `(confluent.field_meta)` in either spelling, `(confluent.message_meta)`, or any option called `twilio_type`. */
function metaOf(options: readonly ProtoOption[]): FieldMeaning & Pick<SchemaFieldPath, 'doc'> {
  const tags: string[] = [];
  let semanticType: string | null = null;
  let doc: string | null = null;
  for (const { name, value } of options) {
    const member = name.replace(/^\(\.?confluent\.(?:field|message)_meta\)\.?/, '');
    const isMeta = member !== name;
    const text = isMeta && member === '' ? value : `${member}: ${value}`;
    if (isMeta) {
      for (const [, list] of text.matchAll(/\btags: (\[[^\]]*\]|"(?:[^"\\]|\\.)*")/gs))
        tags.push(...stringsOf(list ?? ''));
      doc ??= stringOf(/\bdoc: ("(?:[^"\\]|\\.)*")/s.exec(text)?.[1] ?? '');
      semanticType ??= semanticParameter(text);
    }
    if (/(^|[.(])twilio_type\)?$/.test(name)) semanticType ??= stringOf(value);
  }
  return { semanticType, tags: [...new Set(tags)], doc };
}

function semanticParameter(text: string): string | null {
  const [, first, last] =
    /key: "twilio_type", value: ("(?:[^"\\]|\\.)*")|value: ("(?:[^"\\]|\\.)*"), key: "twilio_type"/s.exec(text) ?? [];
  return stringOf(first ?? last ?? '');
}
