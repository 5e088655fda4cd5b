import type { Actor } from '../../domain/access/actor.ts';
import type { SemanticTypes } from '../../domain/privacy/semantic-type.ts';
import { documentOfSchema } from '../../domain/registry/document-of-schema.ts';
import { labelFields } from '../../domain/registry/labels.ts';
import type { ParsedSchema } from '../../domain/registry/schema-format.ts';
import { type SchemaContent, schemaIdentity } from '../../domain/registry/schema-identity.ts';
import { defaultContext, type SubjectName } from '../../domain/registry/subject-name.ts';
import { defaultCatalogNamespace, type EntityVersionToWrite } from './catalog-writes.ts';

export interface RegisteredSchema {
  readonly subject: SubjectName;
  readonly version: number;
  readonly content: SchemaContent;
  readonly parsed: ParsedSchema;
  readonly at: Date;
  readonly types: SemanticTypes;
}

/**
 * A schema of the default context as a version of the entity that its record names. Other contexts are copies and rehearsals
 * of other registries, so they stay out of the catalog; so do schemas that describe no record.
 */
export function catalogVersion(
  actor: Actor,
  { subject, version, content, parsed, at, types }: RegisteredSchema,
): Omit<EntityVersionToWrite, 'schemaId'> | null {
  const { record } = parsed;
  if (record === null || subject.context !== defaultContext) return null;
  const fields = labelFields(parsed.fields, {
    record: record.namespace === '' ? record.name : `${record.namespace}.${record.name}`,
    metadata: content.metadata,
    semanticTypeOf: types.find,
  });
  const document = documentOfSchema(
    { record, avroText: parsed.format === 'AVRO' ? content.text : null, fields },
    { version, createdBy: actor.id, createdAt: at, catalogNamespace: defaultCatalogNamespace },
  );
  return {
    ...record,
    catalogNamespace: null,
    document,
    label: String(version),
    fingerprint: schemaIdentity(content),
    createdBy: actor.id,
    fields,
  };
}
