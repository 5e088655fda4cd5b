import { z } from 'zod';
import { mappingRoles } from '../../domain/operations/target.ts';
import type { Dataset, Mapping } from '../../entities/dataset.entity.ts';
import type { Entity } from '../../entities/entity.entity.ts';
import type { EntityField, EntityVersion } from '../../entities/entity-version.entity.ts';

const instant = z.coerce.date();
const deprecation = {
  deprecated_at: instant.nullable(),
  deprecated_by: z.string().nullable(),
  deprecation_reason: z.string().nullable(),
  replacement_id: z.string().nullable(),
};

export const entityRow = z
  .object({
    id: z.string(),
    namespace: z.string(),
    name: z.string(),
    catalog_namespace: z.string(),
    documentation: z.string().nullable(),
    owners: z.array(z.string()),
    tags: z.array(z.string()),
    revision: z.number(),
    ...deprecation,
    created_at: instant,
    updated_at: instant,
  })
  .transform(
    (row): Entity => ({
      id: row.id,
      namespace: row.namespace,
      name: row.name,
      catalogNamespace: row.catalog_namespace,
      documentation: row.documentation,
      owners: row.owners,
      tags: row.tags,
      revision: row.revision,
      deprecatedAt: row.deprecated_at,
      deprecatedBy: row.deprecated_by,
      deprecationReason: row.deprecation_reason,
      replacementId: row.replacement_id,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    }),
  );

export const versionRow = z
  .object({
    id: z.string(),
    entity_id: z.string(),
    number: z.number(),
    schema_id: z.number(),
    document: z.string(),
    label: z.string(),
    fingerprint: z.string(),
    created_by: z.string(),
    created_at: instant,
    ...deprecation,
  })
  .transform(
    (row): EntityVersion => ({
      id: row.id,
      entityId: row.entity_id,
      number: row.number,
      schemaId: row.schema_id,
      document: row.document,
      label: row.label,
      fingerprint: row.fingerprint,
      createdBy: row.created_by,
      createdAt: row.created_at,
      deprecatedAt: row.deprecated_at,
      deprecatedBy: row.deprecated_by,
      deprecationReason: row.deprecation_reason,
      replacementId: row.replacement_id,
    }),
  );

export const fieldRow = z
  .object({
    id: z.string(),
    version_id: z.string(),
    ordinal: z.number(),
    path: z.string(),
    type: z.string(),
    nullable: z.boolean(),
    required: z.boolean(),
    semantic_type: z.string().nullable(),
    shape: z
      .object({
        otherTypes: z.array(z.string().nullable()),
        recurrences: z.array(z.object({ at: z.string(), to: z.string() })),
        plainAt: z.array(z.string()),
      })
      .nullable(),
    classifications: z.array(z.string()),
    tags: z.array(z.string()),
    doc: z.string().nullable(),
  })
  .transform(
    (row): EntityField => ({
      id: row.id,
      versionId: row.version_id,
      ordinal: row.ordinal,
      path: row.path,
      type: row.type,
      nullable: row.nullable,
      required: row.required,
      semanticType: row.semantic_type,
      shape: row.shape,
      classifications: row.classifications,
      tags: row.tags,
      doc: row.doc,
    }),
  );

export const datasetRow = z
  .object({ id: z.string(), namespace: z.string(), name: z.string(), created_at: instant })
  .transform((row): Dataset => ({ id: row.id, namespace: row.namespace, name: row.name, createdAt: row.created_at }));

export const mappingRow = z
  .object({
    id: z.string(),
    entity_id: z.string(),
    dataset_id: z.string(),
    role: z.enum(mappingRoles),
    account_field: z.string(),
    subject_fields: z.array(z.string()),
    protect_on_produce: z.boolean(),
    created_at: instant,
  })
  .transform(
    (row): Mapping => ({
      id: row.id,
      entityId: row.entity_id,
      datasetId: row.dataset_id,
      role: row.role,
      accountField: row.account_field,
      subjectFields: row.subject_fields,
      protectOnProduce: row.protect_on_produce,
      createdAt: row.created_at,
    }),
  );
