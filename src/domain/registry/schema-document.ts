import { LinewardError } from '../../errors/lineward-error.ts';
import { closestTo } from './closest.ts';
import {
  assertStorable,
  invalid,
  isNullable,
  isObject,
  type SchemaField,
  type SchemaType,
  TypeReader,
  typeName,
  withoutNull,
} from './schema-type.ts';

/** What the catalog knows of a semantic type, by its canonical name. */
export interface KnownSemanticType {
  readonly name: string;
  readonly classifications: readonly string[];
}

/** Resolves a name or alias; `names` are offered when a name is unknown. */
export interface SemanticTypeCatalog {
  readonly names: readonly string[];
  find(name: string): KnownSemanticType | null;
}

/** A path in a version: `a.b`, elements of arrays `a[]`, values of maps `a{}`. */
export interface FieldPath {
  readonly path: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly required: boolean;
  readonly semanticType: string | null;
  readonly classifications: readonly string[];
  readonly doc: string | null;
}

/** A schema document as the talk has it, read and checked. */
export interface SchemaDocument {
  readonly label: string;
  readonly createdBy: string | null;
  /** The document's own namespace: a folder or team in the catalog. */
  readonly catalogNamespace: string;
  readonly namespace: string;
  readonly name: string;
  readonly root: SchemaType & { kind: 'record' };
  readonly fields: readonly FieldPath[];
}

/** Largest document as text, in characters. */
export const documentCharsMax = 4 * 1024 * 1024;

const namespacePattern = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;
const namespaceCharsMax = 255;

function readNamespace(value: unknown, path: readonly string[]): string {
  if (typeof value !== 'string' || value.length > namespaceCharsMax || !namespacePattern.test(value))
    throw invalid(path, `must be a namespace: names joined by ".", at most ${namespaceCharsMax} characters`);
  return value;
}

function optionalText(value: unknown, path: readonly string[]): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return assertStorable(value, path);
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
  if (!isObject(document)) throw invalid(place, 'must be a JSON object with "namespace" and "schema"');
  const schema = document.schema;
  const inside = [...place, 'schema'];
  if (!isObject(schema)) throw invalid(inside, 'must be an object with "name", "namespace", "type" and "fields"');
  if (schema.type !== 'record') throw invalid([...inside, 'type'], 'must be "record"');
  const root = new TypeReader().record(schema, inside);
  return {
    label: optionalText(document.version, [...place, 'version']) ?? '',
    createdBy: optionalText(document.created_by, [...place, 'created_by']),
    catalogNamespace: readNamespace(document.namespace, [...place, 'namespace']),
    namespace: readNamespace(schema.namespace, [...inside, 'namespace']),
    name: root.name,
    root,
    fields: fieldPaths(root, semanticTypes, inside),
  };
}

function fieldPaths(
  root: SchemaType & { kind: 'record' },
  semanticTypes: SemanticTypeCatalog,
  rootPlace: readonly string[],
): FieldPath[] {
  const found: FieldPath[] = [];
  const walkRecord = (record: SchemaType & { kind: 'record' }, prefix: string, place: readonly string[]): void => {
    record.fields.forEach((field, index) => {
      const path = prefix === '' ? field.name : `${prefix}.${field.name}`;
      const fieldPlace = [...place, 'fields', String(index)];
      found.push(describe(field, path, semantic(field, fieldPlace, semanticTypes)));
      walkInside(field.type, path, [...fieldPlace, 'type']);
    });
  };
  const walkInside = (type: SchemaType, path: string, place: readonly string[]): void => {
    const real = withoutNull(type);
    if (real.kind === 'record') walkRecord(real, path, place);
    if (real.kind === 'array') walkInside(real.items, `${path}[]`, [...place, 'items']);
    if (real.kind === 'map') walkInside(real.values, `${path}{}`, [...place, 'values']);
    if (real.kind === 'union') for (const branch of real.branches) walkInside(branch, path, place);
  };
  walkRecord(root, '', rootPlace);
  return distinct(found);
}

// Two records of one union may share a field name; the catalog shows the path once.
function distinct(found: readonly FieldPath[]): FieldPath[] {
  return [...new Map(found.map((field) => [field.path, field])).values()];
}

function describe(field: SchemaField, path: string, semanticType: KnownSemanticType | null): FieldPath {
  const nullable = isNullable(field.type);
  return {
    path,
    type: typeName(field.type),
    nullable,
    required: !nullable && !field.hasDefault,
    semanticType: semanticType?.name ?? null,
    classifications: semanticType?.classifications ?? [],
    doc: field.doc,
  };
}

function semantic(
  field: SchemaField,
  place: readonly string[],
  catalog: SemanticTypeCatalog,
): KnownSemanticType | null {
  if (field.semanticType === null) return null;
  const known = catalog.find(field.semanticType);
  if (known !== null) return known;
  const near = closestTo(field.semanticType, catalog.names);
  const hint = near === null ? `Known are ${catalog.names.join(', ')}.` : `Did you mean "${near}"?`;
  throw new LinewardError(
    'SEMANTIC_TYPE_UNKNOWN',
    `${place.join('.')}.twilio_type: "${field.semanticType.slice(0, 80)}" is not registered. ${hint}`,
    {
      path: [...place, 'twilio_type'],
    },
  );
}
