import { LinewardError } from '../../../errors/lineward-error.ts';
import type { SchemaFieldPath } from '../schema-format.ts';
import { type AvroField, type AvroRecord, type AvroType, isNullable, typeName, withoutNull } from './avro-type.ts';

/** Most paths of one schema; shared types make more paths than fields. */
const pathsMax = 10_000;

/**
 * All paths of a record in document order; two branches of a union may share a path, which stands once. A record inside
 * itself is shown and not entered again.
 */
export function avroFields(root: AvroType): readonly SchemaFieldPath[] {
  const found = new Map<string, SchemaFieldPath>();
  const open = new Set<AvroRecord>();
  const walk = (type: AvroType, path: string): void => {
    const real = withoutNull(type);
    if (real.kind === 'record') enter(real, path);
    if (real.kind === 'array') walk(real.items, `${path}[]`);
    if (real.kind === 'map') walk(real.values, `${path}{}`);
    if (real.kind === 'union') for (const branch of real.branches) walk(branch, path);
  };
  const enter = (record: AvroRecord, prefix: string): void => {
    if (open.has(record)) return;
    open.add(record);
    for (const field of record.fields) {
      const path = prefix === '' ? field.name : `${prefix}.${field.name}`;
      if (!found.has(path)) found.set(path, describe(field, path));
      if (found.size > pathsMax)
        throw new LinewardError('LIMIT_EXCEEDED', `The schema has more than ${pathsMax} fields.`, { path: ['fields'] });
      walk(field.type, path);
    }
    open.delete(record);
  };
  if (root.kind === 'record') enter(root, '');
  return [...found.values()];
}

function describe(field: AvroField, path: string): SchemaFieldPath {
  const nullable = isNullable(field.type);
  const { twilio_type: semanticType } = field.properties;
  return {
    path,
    type: typeName(field.type),
    nullable,
    required: !nullable && !field.hasDefault,
    semanticType: typeof semanticType === 'string' ? semanticType : null,
    tags: [...new Set([...tagsOf(field.properties), ...tagsOfType(field.type)])],
    doc: field.doc,
  };
}

function tagsOf(properties: Readonly<Record<string, unknown>>): readonly string[] {
  const tags = properties['confluent:tags'];
  return Array.isArray(tags) ? tags.filter((tag: unknown) => typeof tag === 'string') : [];
}

function tagsOfType(type: AvroType): readonly string[] {
  const real = withoutNull(type);
  return real.kind === 'union' ? [] : tagsOf(real.properties);
}
