import type { EntityManager } from '@mikro-orm/postgresql';
import { parseSchema, schemaCharsMax } from '../../domain/registry/parse-schema.ts';
import type { ParsedSchema, ReferencedSchema } from '../../domain/registry/schema-format.ts';
import type { SchemaReference } from '../../domain/registry/schema-identity.ts';
import { readSubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { readWhole } from '../access/reader.ts';
import {
  type StoredSchema,
  type SubjectVersion,
  schemaRow,
  subjectVersionColumns,
  subjectVersionJoin,
  subjectVersionRow,
} from './subject-rows.ts';
import { WeighedCache } from './weighed-cache.ts';

/** What is kept of schemas that were read: weighed by their texts, since one takes up to 50 times its text. */
export const parsedLimits = { entriesMax: 500, weightMax: 8 * 1024 * 1024 } as const;
/** Most schemas that one schema may refer to, directly or not. */
const referencesMax = 1_000;

/** Schemas by id, and what they mean. Schemas never change, so each is read and parsed once while it is in use. */
export class SchemaStore {
  readonly #em: EntityManager;
  readonly #parsed = new WeighedCache<string, ParsedSchema>(parsedLimits);

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** The schema of an id, whether or not a subject still has it. */
  async byId(context: string, id: number, em = this.#em.fork()): Promise<StoredSchema | null> {
    const rows = await em.execute('select * from schema where context = ? and id = ?', [context, id]);
    return rows.map((row) => schemaRow.parse(row))[0] ?? null;
  }

  /** The schema of a GUID in a context. */
  async byGuid(context: string, guid: string): Promise<StoredSchema | null> {
    const rows = await this.#em.fork().execute('select * from schema where context = ? and guid = ?', [context, guid]);
    return rows.map((row) => schemaRow.parse(row))[0] ?? null;
  }

  /** The schema, read; the least recently used give way. A caller inside a transaction gives its `em`. Kept for all, so read whole. */
  parsed(schema: StoredSchema, em = this.#em.fork()): Promise<ParsedSchema> {
    return readWhole(() => this.#read(schema, em));
  }

  async #read(schema: StoredSchema, em: EntityManager): Promise<ParsedSchema> {
    const key = `${schema.context}/${schema.id}`;
    const known = this.#parsed.get(key);
    if (known !== undefined) return known;
    const references = await this.referenced(schema.context, schema.references, em);
    const parsed = parseSchema(schema.format, { text: schema.text, references });
    const weight = references.reduce((sum, { text }) => sum + text.length, schema.text.length);
    this.#parsed.set(key, parsed, weight);
    return parsed;
  }

  /**
   * The texts behind references, and behind theirs: what is referred to stands before what refers to it.
   * @throws LinewardError SCHEMA_INVALID for a version that does not exist, LIMIT_EXCEEDED for more than 1,000, SCHEMA_TOO_LARGE
   * when they are larger together than one schema may be: all of them are read with it.
   */
  async referenced(
    context: string,
    references: readonly SchemaReference[],
    em?: EntityManager,
  ): Promise<readonly ReferencedSchema[]> {
    if (references.length === 0) return [];
    const reader = em ?? this.#em.fork();
    const found = new Map<string, ReferencedSchema>();
    const open = new Set<string>();
    let chars = 0;
    const walk = async (list: readonly SchemaReference[], from: string): Promise<void> => {
      for (const [index, reference] of list.entries()) {
        if (found.has(reference.name) || open.has(reference.name)) continue;
        if (found.size + open.size >= referencesMax)
          throw new LinewardError('LIMIT_EXCEEDED', `A schema may refer to at most ${referencesMax} others.`, {
            path: ['references'],
          });
        open.add(reference.name);
        const { schema } = await target(reader, { context: from, reference, path: ['references', String(index)] });
        chars += schema.text.length;
        if (chars > schemaCharsMax)
          throw new LinewardError(
            'SCHEMA_TOO_LARGE',
            `What the schema refers to has more than ${schemaCharsMax} characters altogether.`,
            { path: ['references', String(index)] },
          );
        await walk(schema.references, schema.context);
        found.set(reference.name, { name: reference.name, text: schema.text });
        open.delete(reference.name);
      }
    };
    await walk(references, context);
    return [...found.values()];
  }

  /**
   * References of a registration with their versions: -1 stands for the latest one.
   * @throws LinewardError SCHEMA_INVALID for a version that does not exist or was deleted.
   */
  async settled(context: string, references: readonly SchemaReference[]): Promise<readonly SchemaReference[]> {
    if (references.length === 0) return references;
    const em = this.#em.fork();
    const settled: SchemaReference[] = [];
    for (const [index, reference] of references.entries()) {
      const path = ['references', String(index)];
      const { deleted, version } = await target(em, { context, reference, path });
      if (deleted) throw missing(reference, path);
      settled.push({ ...reference, version });
    }
    return settled;
  }
}

interface Pointer {
  /** Context of the schema that refers. */
  readonly context: string;
  readonly reference: SchemaReference;
  readonly path: readonly string[];
}

async function target(em: EntityManager, { context, reference, path }: Pointer): Promise<SubjectVersion> {
  const subject = readSubjectName(reference.subject, context);
  // A deleted version stays readable for the schemas that refer to it already.
  const which = reference.version === -1 ? 'deleted_at is null order by version desc limit 1' : 'version = ?';
  const rows = await em.execute(
    `select ${subjectVersionColumns} from ${subjectVersionJoin}
     where subject_version.context = ? and subject = ? and ${which}`,
    [subject.context, subject.name, ...(reference.version === -1 ? [] : [reference.version])],
  );
  const found = rows.map(subjectVersionRow)[0];
  if (found === undefined) throw missing(reference, path);
  return found;
}

function missing(reference: SchemaReference, path: readonly string[]): LinewardError {
  const place = `version ${reference.version} of subject "${reference.subject.slice(0, 80)}"`;
  return new LinewardError(
    'SCHEMA_INVALID',
    `${path.join('.')}: ${place} does not exist; register it first, or correct the reference "${reference.name.slice(0, 80)}"`,
    { path },
  );
}
