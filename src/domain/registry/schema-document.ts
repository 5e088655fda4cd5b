import { LinewardError } from '../../errors/lineward-error.ts';
import { invalid } from './avro/avro-names.ts';
import { AvroReader } from './avro/avro-reader.ts';
import { AvroSchema } from './avro/avro-schema.ts';
import { type AvroField, type AvroRecord, type AvroType, shortName } from './avro/avro-type.ts';
import { closestTo } from './closest.ts';
import { isJsonObject } from './json-text.ts';
import { type KnownSemanticType, type LabelledField, labelFields } from './labels.ts';

/** Resolves a name or alias; `names` are offered when a name is unknown. */
export interface SemanticTypeCatalog {
  readonly names: readonly string[];
  readonly find: (name: string) => KnownSemanticType | null;
}

/** A schema document as the talk has it, read and checked. */
export interface SchemaDocument {
  readonly label: string;
  readonly createdBy: string | null;
  /** The document's own namespace: a folder or team in the catalog. */
  readonly catalogNamespace: string;
  readonly namespace: string;
  readonly name: string;
  /** The record of the document. */
  readonly schema: AvroSchema;
  readonly fields: readonly LabelledField[];
}

/** Largest document as text, in characters. */
export const documentCharsMax = 4 * 1024 * 1024;

/** Deepest nesting of a document as JSON: the same as of a schema that comes as text. */
const depthMax = 512;

const namespacePattern = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;
const namespaceCharsMax = 255;

function readNamespace(value: unknown, path: readonly string[]): string {
  if (typeof value !== 'string' || value.length > namespaceCharsMax || !namespacePattern.test(value))
    throw invalid(path, `must be a namespace: names joined by ".", at most ${namespaceCharsMax} characters`);
  return value;
}

/** The one character that the database cannot keep is refused. */
function storable(text: string, path: readonly string[]): string {
  if (text.includes('\0')) throw invalid(path, 'must not hold the character U+0000');
  return text;
}

function optionalText(value: unknown, path: readonly string[]): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return storable(value, path);
  if (typeof value === 'number') return String(value);
  throw invalid(path, 'must be a string');
}

/**
 * Reads `{version, created_by, date_created, namespace, schema: {name, namespace, type: "record", fields}}`. Attributes it
 * does not know are left alone: the document is stored as it came. `place` is where the caller has the document.
 * @throws LinewardError SCHEMA_INVALID, FIELD_DUPLICATE, SEMANTIC_TYPE_UNKNOWN or LIMIT_EXCEEDED with the path of the fault.
 */
export function readSchemaDocument(
  document: unknown,
  semanticTypes: SemanticTypeCatalog,
  place: readonly string[] = [],
): SchemaDocument {
  if (!isJsonObject(document)) throw invalid(place, 'must be a JSON object with "namespace" and "schema"');
  assertDepth(document, place);
  const schema = document.schema;
  const inside = [...place, 'schema'];
  if (!isJsonObject(schema)) throw invalid(inside, 'must be an object with "name", "namespace", "type" and "fields"');
  if (schema.type !== 'record') throw invalid([...inside, 'type'], 'must be "record"');
  const root = new AvroReader().read(schema, inside);
  if (root.kind !== 'record' || root.fields.length === 0)
    throw invalid([...inside, 'fields'], 'must hold at least one field');
  assertKnownTypes(root, semanticTypes, inside);
  const avro = new AvroSchema(root, new Set());
  return {
    label: optionalText(document.version, [...place, 'version']) ?? '',
    createdBy: optionalText(document.created_by, [...place, 'created_by']),
    catalogNamespace: readNamespace(document.namespace, [...place, 'namespace']),
    namespace: readNamespace(schema.namespace, [...inside, 'namespace']),
    name: shortName(root.name),
    schema: avro,
    fields: labelFields(avro.fields, { record: root.name, metadata: null, semanticTypeOf: semanticTypes.find }),
  };
}

// Level by level: a walk that enters what it finds would run out of stack before it could tell.
function assertDepth(document: unknown, place: readonly string[]): void {
  let level: readonly unknown[] = [document];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > depthMax) throw invalid(place, `is nested deeper than ${depthMax} levels`);
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null
        ? Object.values(value).filter((inner) => typeof inner === 'object')
        : [],
    );
  }
}

/** Every `twilio_type` must be registered: a misspelt one would leave personal data unprotected. */
function assertKnownTypes(root: AvroRecord, catalog: SemanticTypeCatalog, rootPlace: readonly string[]): void {
  const seen = new Set<AvroType>();
  const walk = (type: AvroType, place: readonly string[]): void => {
    if (seen.has(type)) return;
    seen.add(type);
    if (type.kind === 'record')
      type.fields.forEach((field, index) => {
        const inside = [...place, 'fields', String(index)];
        assertKnown(field, inside, catalog);
        walk(field.type, [...inside, 'type']);
      });
    if (type.kind === 'array') walk(type.items, [...place, 'items']);
    if (type.kind === 'map') walk(type.values, [...place, 'values']);
    if (type.kind === 'union') for (const branch of type.branches) walk(branch, place);
  };
  walk(root, rootPlace);
}

function assertKnown(field: AvroField, place: readonly string[], catalog: SemanticTypeCatalog): void {
  const { twilio_type: name } = field.properties;
  if (typeof name !== 'string' || catalog.find(name) !== null) return;
  const near = closestTo(name, catalog.names);
  const hint = near === null ? `Known are ${catalog.names.join(', ')}.` : `Did you mean "${near}"?`;
  throw new LinewardError(
    'SEMANTIC_TYPE_UNKNOWN',
    `${place.join('.')}.twilio_type: "${name.slice(0, 80)}" is not registered. ${hint}`,
    { path: [...place, 'twilio_type'] },
  );
}
