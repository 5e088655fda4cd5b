import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { SemanticTypes } from '../../domain/privacy/semantic-type.ts';
import { documentOfSchema } from '../../domain/registry/document-of-schema.ts';
import { labelFields } from '../../domain/registry/labels.ts';
import type { ParsedSchema } from '../../domain/registry/schema-format.ts';
import { type SchemaContent, schemaIdentity } from '../../domain/registry/schema-identity.ts';
import { defaultContext, type SubjectName } from '../../domain/registry/subject-name.ts';
import { defaultCatalogNamespace, writeEntityVersion } from './catalog-writes.ts';

export interface RegisteredSchema {
  readonly subject: SubjectName;
  readonly version: number;
  readonly schemaId: number;
  readonly content: SchemaContent;
  readonly parsed: ParsedSchema;
  readonly at: Date;
  readonly types: SemanticTypes;
}

/**
 * Remembers a schema of the default context as a version of the entity that its record names. Other contexts are copies and
 * rehearsals of other registries, so they stay out of the catalog; so do schemas that describe no record.
 */
export async function catalogSchema(tx: EntityManager, actor: Actor, registered: RegisteredSchema): Promise<void> {
  const { subject, version, schemaId, content, parsed, at, types } = registered;
  const { record } = parsed;
  if (record === null || subject.context !== defaultContext) return;
  const fields = labelFields(parsed.fields, {
    record: record.namespace === '' ? record.name : `${record.namespace}.${record.name}`,
    metadata: content.metadata,
    semanticTypeOf: types.find,
  });
  const document = documentOfSchema(
    { record, avroText: parsed.format === 'AVRO' ? content.text : null, fields },
    { version, createdBy: actor.id, createdAt: at, catalogNamespace: defaultCatalogNamespace },
  );
  await writeEntityVersion(tx, {
    ...record,
    catalogNamespace: null,
    schemaId,
    document: JSON.stringify(document),
    label: String(version),
    fingerprint: schemaIdentity(content),
    createdBy: actor.id,
    fields,
  });
}
