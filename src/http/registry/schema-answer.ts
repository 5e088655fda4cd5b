import type { FastifyRequest } from 'fastify';
import { printSubjectName } from '../../domain/registry/subject-name.ts';
import type { SchemaStore } from '../../services/registry/schema-store.ts';
import type { StoredSchema, SubjectVersion } from '../../services/registry/subject-rows.ts';
import { queryOf, takesUnknownFields } from './request-values.ts';

type Json = Readonly<Record<string, unknown>>;

/** How a schema is answered: its text, perhaps in a variant, and whether with the fields that newer clients know. */
export interface AnswerForm {
  readonly text: string;
  readonly extended: boolean;
}

/** What every answer about a schema holds; parts that are empty are absent, because old clients refuse what they do not know. */
function schemaFields({ format, references, metadata, ruleSet }: StoredSchema, { text, extended }: AnswerForm): Json {
  return {
    ...(format === 'AVRO' && !extended ? {} : { schemaType: format }),
    ...(references.length === 0 ? {} : { references }),
    ...(metadata === null ? {} : { metadata }),
    ...(ruleSet === null ? {} : { ruleSet }),
    schema: text,
  };
}

/** A schema by itself, as ids and GUIDs are answered. */
export function schemaAnswer(schema: StoredSchema, form: AnswerForm): Json {
  if (!form.extended) return schemaFields(schema, form);
  return { guid: schema.guid, ...schemaFields(schema, form), ts: schema.createdAt.getTime() };
}

/** A version of a subject, as lookups and lists answer it. */
export function versionAnswer({ subject, version, schema, ...place }: SubjectVersion, form: AnswerForm): Json {
  const { extended } = form;
  return {
    subject: printSubjectName(subject),
    version,
    id: schema.id,
    ...(extended ? { guid: schema.guid } : {}),
    ...schemaFields(schema, form),
    ...(extended ? { ts: place.createdAt.getTime(), deleted: place.deleted } : {}),
  };
}

/** What a registration answers: the id, and to newer clients the whole version without its subject. */
export function registeredAnswer(found: SubjectVersion, form: AnswerForm): Json {
  if (!form.extended) return { id: found.schema.id };
  const { subject: _subject, ...rest } = versionAnswer(found, form);
  return rest;
}

/** The form that a request asks for by `format` and by its header. */
export async function formAsked(
  store: SchemaStore,
  request: FastifyRequest,
  schema: StoredSchema,
): Promise<AnswerForm> {
  return { text: await textAsked(store, request, schema), extended: takesUnknownFields(request) };
}

/** The text in the variant that the query asks for by `format`; an unknown one changes nothing. */
export async function textAsked(store: SchemaStore, request: FastifyRequest, schema: StoredSchema): Promise<string> {
  const variant = (queryOf(request, 'format') ?? '').trim();
  if (variant === '') return schema.text;
  return (await store.parsed(schema)).printed(variant) ?? schema.text;
}
