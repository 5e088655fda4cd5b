import type { LabelledField } from './labels.ts';
import type { SchemaFieldPath } from './schema-format.ts';

interface DocumentFacts {
  /** Number of the version under its subject. */
  readonly version: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly catalogNamespace: string;
}

/** A record schema of any language, as far as a document needs it. */
export interface RecordSchema {
  readonly record: { readonly namespace: string; readonly name: string };
  /** The Avro text of an Avro schema; null for the other languages, whose documents are made of their fields. */
  readonly avroText: string | null;
  readonly fields: readonly LabelledField[];
}

/**
 * A schema that was registered under a subject, as the text of a document of the form that `registerEntityVersion` takes.
 * Fields whose tags name a semantic type carry it as `twilio_type`; nothing else of an Avro schema changes. What is not Avro
 * becomes a record of the same fields.
 */
export function documentOfSchema(schema: RecordSchema, facts: DocumentFacts): string {
  const head = JSON.stringify({
    version: String(facts.version),
    created_by: facts.createdBy,
    date_created: facts.createdAt.toISOString().slice(0, 10),
    namespace: facts.catalogNamespace,
  });
  return `${head.slice(0, -1)},"schema":${recordText(schema)}}`;
}

function recordText(schema: RecordSchema): string {
  if (schema.avroText === null) return JSON.stringify(recordOf(schema));
  const semantic = semanticOf(schema);
  return semantic.size === 0 ? schema.avroText : JSON.stringify(typed(JSON.parse(schema.avroText), '', semantic));
}

function semanticOf(schema: RecordSchema): ReadonlyMap<string, string> {
  return new Map(
    schema.fields.flatMap((field) => (field.semanticType === null ? [] : [[field.path, field.semanticType] as const])),
  );
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Avro JSON with `twilio_type` on the fields whose paths have a semantic type and do not say it themselves. */
function typed(type: unknown, path: string, semantic: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(type)) return type.map((branch) => typed(branch, path, semantic));
  if (!isObject(type)) return type;
  if (Array.isArray(type.fields)) {
    const fields = type.fields.map((field: unknown) => (isObject(field) ? typedField(field, path, semantic) : field));
    return { ...type, fields };
  }
  if (type.type === 'array') return { ...type, items: typed(type.items, `${path}[]`, semantic) };
  if (type.type === 'map') return { ...type, values: typed(type.values, `${path}{}`, semantic) };
  return type;
}

function typedField(field: Json, prefix: string, semantic: ReadonlyMap<string, string>): Json {
  const path = prefix === '' ? String(field.name) : `${prefix}.${String(field.name)}`;
  const meaning = semantic.get(path);
  const inner = { ...field, type: typed(field.type, path, semantic) };
  return meaning === undefined || 'twilio_type' in field ? inner : { ...inner, twilio_type: meaning };
}

interface Branch {
  readonly field: SchemaFieldPath & { readonly semanticType: string | null };
  readonly children: Map<string, Branch>;
}

function recordOf({ record, fields }: RecordSchema): Json {
  const roots = new Map<string, Branch>();
  const open = new Map<string, Branch>();
  for (const field of fields) {
    const branch = { field, children: new Map<string, Branch>() };
    open.set(field.path, branch);
    const cut = field.path.lastIndexOf('.');
    const siblings = cut < 0 ? roots : open.get(field.path.slice(0, cut).replace(/(\[\]|\{\})+$/, ''))?.children;
    siblings?.set(field.path.slice(cut + 1), branch);
  }
  return { type: 'record', name: record.name, namespace: record.namespace, fields: [...roots].map(fieldOf) };
}

function fieldOf([name, { field, children }]: readonly [string, Branch]): Json {
  const inner = children.size === 0 ? [] : [...children].map(fieldOf);
  const shape = shapeOf(field, inner);
  return {
    name,
    type: field.nullable ? ['null', shape] : shape,
    ...(field.nullable ? { default: null } : {}),
    ...(field.semanticType === null ? {} : { twilio_type: field.semanticType }),
    ...(field.tags.length === 0 ? {} : { 'confluent:tags': field.tags }),
    ...(field.doc === null ? {} : { doc: field.doc }),
  };
}

function shapeOf(field: SchemaFieldPath, inner: readonly Json[]): unknown {
  const record = { type: 'record', name: field.path.replace(/\W/g, '_'), fields: inner };
  const element = inner.length === 0 ? 'string' : record;
  if (field.type === 'array') return { type: 'array', items: element };
  if (field.type === 'map') return { type: 'map', values: element };
  if (inner.length > 0) return record;
  return field.type === 'record' || field.type === 'union' || field.type === 'enum' ? 'string' : field.type;
}
