import { z } from 'zod';
import { schemaFormats } from '../../domain/registry/schema-format.ts';
import type { SchemaContent } from '../../domain/registry/schema-identity.ts';
import type { RuleSet, SchemaMetadata } from '../../domain/registry/schema-metadata.ts';
import type { SubjectName } from '../../domain/registry/subject-name.ts';

/** A schema as it is kept: immutable, and one per content in its context. */
export interface StoredSchema extends SchemaContent {
  readonly context: string;
  /** Number within the context, never used twice. */
  readonly id: number;
  readonly guid: string;
  /** `schemaIdentity` of its content. */
  readonly identity: string;
  /** Time of its first registration. */
  readonly createdAt: Date;
}

/** A schema at its place under a subject. */
export interface SubjectVersion {
  readonly subject: SubjectName;
  readonly version: number;
  readonly deleted: boolean;
  readonly createdAt: Date;
  readonly schema: StoredSchema;
}

const reference = z.object({ name: z.string(), subject: z.string(), version: z.number() });

export const schemaRow = z
  .object({
    context: z.string(),
    id: z.number(),
    guid: z.string(),
    identity: z.string(),
    format: z.enum(schemaFormats),
    text: z.string(),
    schema_references: z.array(reference),
    metadata: z.custom<SchemaMetadata>().nullable(),
    rule_set: z.custom<RuleSet>().nullable(),
    created_at: z.coerce.date(),
  })
  .transform(
    (row): StoredSchema => ({
      context: row.context,
      id: row.id,
      guid: row.guid,
      identity: row.identity,
      format: row.format,
      text: row.text,
      references: row.schema_references,
      metadata: row.metadata,
      ruleSet: row.rule_set,
      createdAt: row.created_at,
    }),
  );

const place = z.object({
  subject: z.string(),
  version: z.number(),
  deleted_at: z.coerce.date().nullable(),
  registered_at: z.coerce.date(),
});

/** What `subjectVersionRow` reads, for statements over `subject_version` joined with `schema`. */
export const subjectVersionColumns =
  'schema.*, subject_version.subject, subject_version.version, subject_version.deleted_at, subject_version.created_at as registered_at';
export const subjectVersionJoin =
  'subject_version join schema on schema.context = subject_version.context and schema.id = subject_version.schema_id';

export function subjectVersionRow(row: unknown): SubjectVersion {
  const schema = schemaRow.parse(row);
  const { subject, version, deleted_at, registered_at } = place.parse(row);
  return {
    subject: { context: schema.context, name: subject },
    version,
    deleted: deleted_at !== null,
    createdAt: registered_at,
    schema,
  };
}
