import type { FastifyRequest } from 'fastify';
import type { ParsedSchema } from '../../domain/registry/schema-format.ts';
import { printSubjectName } from '../../domain/registry/subject-name.ts';
import type { SchemaStore } from '../../services/registry/schema-store.ts';
import type { StoredSchema, SubjectVersion } from '../../services/registry/subject-rows.ts';
import { queryOf, takesUnknownFields } from './registry-protocol.ts';

type Json = Readonly<Record<string, unknown>>;

/** What every answer about a schema holds; parts that are empty are absent, because old clients refuse what they do not know. */
export function schemaFields(schema: StoredSchema, text = schema.text): Json {
  return {
    ...(schema.format === 'AVRO' ? {} : { schemaType: schema.format }),
    schema: text,
    ...(schema.references.length === 0 ? {} : { references: schema.references }),
    ...(schema.metadata === null ? {} : { metadata: schema.metadata }),
    ...(schema.ruleSet === null ? {} : { ruleSet: schema.ruleSet }),
  };
}

/** A version of a subject, as lookups and lists answer it. */
export function versionAnswer(request: FastifyRequest, found: SubjectVersion, text?: string): Json {
  return {
    subject: printSubjectName(found.subject),
    version: found.version,
    id: found.schema.id,
    ...(takesUnknownFields(request)
      ? { guid: found.schema.guid, ts: found.createdAt.getTime(), ...(found.deleted ? { deleted: true } : {}) }
      : {}),
    ...schemaFields(found.schema, text),
  };
}

/** The text in the variant that the query asks for by `format`; an unknown one changes nothing. */
export async function textAsked(store: SchemaStore, request: FastifyRequest, schema: StoredSchema): Promise<string> {
  const variant = queryOf(request, 'format');
  if (variant === null || variant === '') return schema.text;
  const parsed: ParsedSchema = await store.parsed(schema);
  return parsed.printed(variant) ?? schema.text;
}
