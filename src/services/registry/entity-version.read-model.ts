import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Page, PageRequest } from '../../domain/page.ts';
import { type SchemaFormat, schemaFormats } from '../../domain/registry/schema-format.ts';
import { defaultContext } from '../../domain/registry/subject-name.ts';
import { diffFields, type FieldsDiff } from '../../domain/registry/version-diff.ts';
import type { EntityField } from '../../entities/entity-version.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { keysetPages } from '../keyset-page.ts';
import { textArray } from '../sql.ts';
import { fieldRow } from './registry-rows.ts';

/** The schema of an entity version, as the registry listener answers it. */
export interface VersionSchema {
  readonly id: number;
  readonly format: SchemaFormat;
  readonly text: string;
  /** The text as it was first registered. */
  readonly original: string;
  readonly guid: string;
}

const versionSchemaRow = z.object({
  id: z.number(),
  format: z.enum(schemaFormats),
  text: z.string(),
  original: z.string(),
  guid: z.string(),
});

/** A place where a schema is registered. */
export interface SchemaPlace {
  readonly context: string;
  readonly subject: string;
  readonly version: number;
  readonly deleted: boolean;
}

const schemaPlaceRow = z
  .object({ context: z.string(), subject: z.string(), version: z.number(), deleted: z.boolean() })
  .readonly();

// A schema has one GUID over all contexts, and an id in each.
const schemaPlaces = `(
  select entity_version.id as version_id, place.context, place.subject, place.version, place.deleted_at is not null as deleted
  from entity_version
  join schema own on own.context = '${defaultContext}' and own.id = entity_version.schema_id
  join schema same on same.guid = own.guid
  join subject_version place on place.context = same.context and place.schema_id = same.id
) schema_place`;

/** Two versions of one entity to be compared; `against` null means the one before. */
export interface DiffQuestion {
  readonly versionId: string;
  readonly entityId: string;
  readonly number: number;
  readonly against: string | null;
}

/** What changed in an entity from one version to another. */
export interface VersionDiff extends FieldsDiff<EntityField> {
  readonly entityId: string;
  readonly fromId: string;
  readonly toId: string;
}

/** Most fields that one request may compare, over all its versions; one version has at most 10,000. */
const comparedMax = 200_000;

/** Questions about single versions of entities; one statement each, however many versions. */
export class EntityVersionReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** Schemas of the default context by their ids. */
  async schemasById(ids: readonly number[]): Promise<ReadonlyMap<number, VersionSchema>> {
    const rows = await this.#em.fork().execute(
      `select id, format, schema.text, coalesce(schema_original.text, schema.text) as original, guid
         from schema left join schema_original on schema_original.context = schema.context and schema_id = id
         where schema.context = ? and id = any(?::integer[])`,
      [defaultContext, textArray(ids.map(String))],
    );
    return new Map(rows.map((row) => versionSchemaRow.parse(row)).map((schema) => [schema.id, schema]));
  }

  /** The subjects, of all contexts, that have the schema of a version. */
  schemaPlacesOf(
    versionIds: readonly string[],
    request: PageRequest,
  ): Promise<(versionId: string) => Page<SchemaPlace>> {
    return keysetPages(this.#em.fork(), {
      table: schemaPlaces,
      parent: { column: 'version_id', ids: versionIds },
      order: [
        { column: 'context', type: 'text' },
        { column: 'subject', type: 'text' },
        { column: 'version', type: 'integer' },
      ],
      request,
      parse: (row) => schemaPlaceRow.parse(row),
    });
  }

  /**
   * The answer to each question, in their order: null for a first version without `against`, an error where `against` is no
   * version of the same entity.
   * @throws LinewardError LIMIT_EXCEEDED for more than 200,000 fields altogether.
   */
  async diffs(questions: readonly DiffQuestion[]): Promise<readonly (VersionDiff | LinewardError | null)[]> {
    const earlier = await this.#earlier(questions);
    const found = questions.map((question) => fromOf(question, earlier));
    const ids = found.flatMap((from, index) =>
      typeof from === 'string' ? [from, questions[index]?.versionId ?? from] : [],
    );
    const fields = await this.#fieldsOf([...new Set(ids)]);
    return questions.map(({ versionId, entityId }, index) => {
      const from = found[index] ?? null;
      if (typeof from !== 'string') return from;
      const diff = diffFields(fields.get(from) ?? [], fields.get(versionId) ?? []);
      return { ...diff, entityId, fromId: from, toId: versionId };
    });
  }

  async #earlier(questions: readonly DiffQuestion[]): Promise<readonly EarlierVersion[]> {
    const before = questions.filter((question) => question.against === null);
    const rows = await this.#em.fork().execute(
      `select id, entity_id, number from entity_version where id = any(?::text[])
       union
       select earlier.id, earlier.entity_id, earlier.number from unnest(?::text[], ?::integer[]) as asked (entity_id, number)
       join entity_version earlier on earlier.entity_id = asked.entity_id and earlier.number = asked.number - 1`,
      [
        textArray(questions.flatMap(({ against }) => (against === null ? [] : [against]))),
        textArray(before.map(({ entityId }) => entityId)),
        textArray(before.map(({ number }) => String(number))),
      ],
    );
    return rows.map((row) => earlierRow.parse(row));
  }

  async #fieldsOf(versionIds: readonly string[]): Promise<ReadonlyMap<string, readonly EntityField[]>> {
    const rows = await this.#em
      .fork()
      .execute('select * from entity_field where version_id = any(?::text[]) order by version_id, ordinal limit ?', [
        textArray(versionIds),
        comparedMax + 1,
      ]);
    if (rows.length > comparedMax)
      throw new LinewardError(
        'LIMIT_EXCEEDED',
        `diff: the versions have more than ${comparedMax} fields together; ask for fewer at once`,
        { path: ['diff'] },
      );
    return Map.groupBy(
      rows.map((row) => fieldRow.parse(row)),
      (field) => field.versionId,
    );
  }
}

const earlierRow = z.object({ id: z.string(), entity_id: z.string(), number: z.number() });
type EarlierVersion = z.infer<typeof earlierRow>;

function fromOf(question: DiffQuestion, earlier: readonly EarlierVersion[]): string | LinewardError | null {
  const { against, entityId, number } = question;
  if (against === null)
    return earlier.find((row) => row.entity_id === entityId && row.number === number - 1)?.id ?? null;
  const found = earlier.find((row) => row.id === against);
  if (found?.entity_id === entityId) return found.id;
  const path = ['against'];
  return found === undefined
    ? new LinewardError('NOT_FOUND', 'against: there is no such version', { path })
    : new LinewardError('BAD_INPUT', 'against: must be a version of the same entity', { path });
}
