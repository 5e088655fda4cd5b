import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { LakeColumn } from '../../domain/lake/lake-column.ts';
import { overlapOf, readLocation } from '../../domain/lake/lake-location.ts';
import { readFilePattern } from '../../domain/transform/file-pattern.ts';
import type { SourceFacts } from '../../domain/transform/spec-facts.ts';
import { knownNames, placeOf, type SpecIssue, type SpecIssueCode } from '../../domain/transform/spec-issue.ts';
import type { FilesSpec } from '../../domain/transform/transformer-spec.ts';
import type { LakeTable } from '../../entities/lake-table.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { readWhole } from '../access/reader.ts';
import type { LakeStore } from '../lake/ports.ts';
import { columnsOfVersion, isTopLevel } from '../lake/table-columns.ts';
import { tableAt } from '../lake/table-places.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import { textArray } from '../sql.ts';

export interface SourceFactsDeps {
  readonly em: EntityManager;
  readonly registry: Pick<RegistryReadModel, 'entityNamed'>;
  readonly store: Pick<LakeStore, 'url' | 'namespace'>;
  /** Of the datasets of topics. */
  readonly kafkaNamespace: string;
}

/** What is known of a source; null facts without an issue are those of a topic that nobody knows. */
interface KnownSource {
  readonly facts: SourceFacts | null;
  readonly issues: readonly SpecIssue[];
}

/** A source or a lookup, as far as it says where its records are. */
export interface NamedRecords {
  readonly topic?: string | undefined;
  readonly table?: string | undefined;
  readonly files?: FilesSpec | undefined;
}

/** Where it stands in a document, and where what is made of it goes. */
interface NamedPlace {
  readonly path: readonly PropertyKey[];
  readonly target: string;
}

const mappingRow = z.object({
  dataset_id: z.string(),
  name: z.string(),
  entity_id: z.string(),
  account_field: z.string(),
  subject_fields: z.array(z.string()),
});
export const fieldRow = z.object({ path: z.string(), type: z.string(), semantic_type: z.string().nullable() });
type FieldRow = z.infer<typeof fieldRow>;

/** Columns that a table has for the fields of an entity. */
export const columnsOfFields = (fields: readonly FieldRow[], keys: readonly string[]): readonly LakeColumn[] =>
  columnsOfVersion(
    fields.map(({ path, type, semantic_type: semanticType }) => ({ path, type, semanticType })),
    keys,
  );

/** Reads what the catalog knows of the topics, tables and files that a document names. */
export class SourceFactsReader {
  readonly #deps: SourceFactsDeps;

  constructor(deps: SourceFactsDeps) {
    this.#deps = deps;
  }

  async of(source: NamedRecords, place: NamedPlace): Promise<KnownSource> {
    if (source.table !== undefined) return this.#table(source.table, place);
    if (source.files !== undefined) return this.#files(source.files, place);
    return { facts: await this.#topic(source.topic ?? ''), issues: [] };
  }

  /** Whether a table is, through whatever transformers, made of what would be made of it. */
  async cycles(
    inputs: readonly { readonly facts: SourceFacts | null; readonly path: readonly PropertyKey[] }[],
    target: string,
  ): Promise<readonly SpecIssue[]> {
    const tables = inputs.flatMap(({ facts, path }) =>
      facts?.kind === 'TABLE' && facts.datasetId !== null ? [{ path, id: facts.datasetId }] : [],
    );
    if (tables.length === 0) return [];
    const ask = () =>
      this.#deps.em.fork().execute<{ root: string }[]>(
        `with recursive up (root, id) as (
         select id, id from unnest(?::text[]) as given(id)
         union select up.root, s.dataset_id from up join transformer_version v on v.dataset_id = up.id
           join transform_source s on s.version_id = v.id
       ) select distinct up.root from up join dataset d on d.id = up.id where d.namespace = ? and d.name = ?`,
        [textArray(tables.map(({ id }) => id)), this.#deps.store.namespace, target],
      );
    const roots = new Set((await readWhole(ask)).map(({ root }) => root));
    return tables
      .filter(({ id }) => roots.has(id))
      .map(({ path }) => issueAt([...path, 'table'], 'CYCLE', madeOfItself));
  }

  async #topic(topic: string): Promise<SourceFacts | null> {
    const { em, kafkaNamespace } = this.#deps;
    // The database refuses to look for a text with U+0000.
    if (topic.includes('\0')) return null;
    // A topic that a rewrite has put another in the place of is still known by its name.
    const rows = await em.fork().execute(
      `select d.id as dataset_id, d.name, m.entity_id, m.account_field, m.subject_fields
       from dataset d join mapping m on m.dataset_id = d.id and m.role = 'TOPIC'
       where d.namespace = ? and (d.name = ? or d.id in (select dataset_id from topic_alias where namespace = d.namespace and name = ?))
       order by m.created_at, m.id`,
      [kafkaNamespace, topic, topic],
    );
    return this.#mapped(
      rows.map((row) => mappingRow.parse(row)),
      { kind: 'TOPIC', namespace: kafkaNamespace, table: null },
    );
  }

  async #table(text: string, { path: at, target }: NamedPlace): Promise<KnownSource> {
    const path = [...at, 'table'];
    const { em, store } = this.#deps;
    try {
      const location = readLocation(text, store.url);
      if (location === target) return refused(path, 'CYCLE', madeOfItself);
      const table = await tableAt(em.fork(), location);
      const rows = await em.fork().execute(
        `select d.id as dataset_id, d.name, m.entity_id, m.account_field, m.subject_fields
         from mapping m join dataset d on d.id = m.dataset_id where d.id = ? and m.role = 'LAKE_TABLE' order by m.created_at, m.id`,
        [table?.datasetId ?? ''],
      );
      const mappings = rows.map((row) => mappingRow.parse(row));
      const facts = await this.#mapped(mappings, { kind: 'TABLE', namespace: store.namespace, table });
      if (facts !== null) return { facts, issues: [] };
      const message = `There is no table of the lake at ${location} with an entity; register it first (registerLakeTable), or read it as files.`;
      return refused(path, 'UNKNOWN_TABLE', message);
    } catch (error) {
      return refusedPlace(path, error, 'UNKNOWN_TABLE');
    }
  }

  async #files(files: FilesSpec, { path: at, target }: NamedPlace): Promise<KnownSource> {
    const path = [...at, 'files'];
    const { em, registry, store } = this.#deps;
    try {
      const { prefix } = readFilePattern(files.path, store.url);
      if (overlapOf(prefix, target) !== null) return refused([...path, 'path'], 'CYCLE', madeOfItself);
      const table = await readWhole(() => tableAt(em.fork(), prefix));
      if (table !== null)
        return refused([...path, 'path'], 'LOCATION_TAKEN', `${prefix} is a lake table; name it as a table.`);
      const { namespace, entity: name } = files.schema;
      const entity = `${namespace}${name}`.includes('\0') ? null : await registry.entityNamed(namespace, name);
      const fields = entity === null ? [] : await this.#fieldsOf([entity.id]);
      if (entity === null || fields.length === 0)
        return refused([...path, 'schema'], 'UNKNOWN_SCHEMA', `There is no entity ${namespace}.${name}; register it.`);
      const subjects = files.subjects ?? [];
      const issues = this.#filesIssues(files, fields, path);
      return { facts: this.#factsOfFiles(prefix, { entityId: entity.id, fields, files, subjects }), issues };
    } catch (error) {
      return refusedPlace([...path, 'path'], error, 'PATH_INVALID');
    }
  }

  #filesIssues(files: FilesSpec, fields: readonly FieldRow[], path: readonly PropertyKey[]): readonly SpecIssue[] {
    const known = new Set(fields.map((field) => field.path));
    const named = [
      ...(files.account === undefined ? [] : [{ name: files.account, at: [...path, 'account'] }]),
      ...(files.subjects ?? []).map((name, index) => ({ name, at: [...path, 'subjects', index] })),
    ];
    const unknown = named.filter(({ name }) => !known.has(name));
    const issues = unknown.map(({ name, at }) =>
      issueAt(at, 'UNKNOWN_FIELD', `The entity has no field ${name}.${knownNames(known)}`),
    );
    if (files.account === undefined && files.subjects !== undefined)
      issues.push(
        issueAt([...path, 'account'], 'MISSING_MEMBER', 'Persons are known within their account; name that.'),
      );
    const hasOwn = files.format === 'parquet' || files.format === 'avro';
    return hasOwn && files.codec !== undefined
      ? [
          ...issues,
          issueAt([...path, 'codec'], 'CODEC_UNKNOWN', `Files of ${files.format} say that themselves; leave it out.`),
        ]
      : issues;
  }

  #factsOfFiles(
    prefix: string,
    of: {
      readonly entityId: string;
      readonly fields: readonly FieldRow[];
      readonly files: FilesSpec;
      readonly subjects: readonly string[];
    },
  ): SourceFacts {
    const { entityId, fields, files, subjects } = of;
    const nested = nestedOf(fields);
    return {
      kind: 'FILES',
      datasetId: null,
      place: { namespace: this.#deps.store.namespace, name: prefix },
      entityId,
      accountField: files.account ?? '',
      subjectFields: subjects,
      jsonTexts: [...nested],
      movesRows: false,
      fields: columnsOfFields(fields, [files.account ?? [], subjects].flat()).map(({ name, type }) => ({
        name,
        column: type,
        isNested: nested.has(name),
      })),
    };
  }

  /** Facts by the mappings of a dataset; null where there are none. */
  async #mapped(
    mappings: readonly z.infer<typeof mappingRow>[],
    { kind, namespace, table }: { kind: 'TOPIC' | 'TABLE'; namespace: string; table: LakeTable | null },
  ): Promise<SourceFacts | null> {
    const [first] = mappings;
    if (first === undefined) return null;
    const fields = await this.#fieldsOf(mappings.map(({ entity_id }) => entity_id));
    const nested = nestedOf(fields);
    const subjectFields = [...new Set(mappings.flatMap((mapping) => mapping.subject_fields))];
    const own = table?.columns ?? [];
    const of = columnsOfFields(fields, [first.account_field, ...subjectFields]);
    const columns = own.length === 0 ? of : own;
    return {
      kind,
      datasetId: first.dataset_id,
      place: { namespace, name: first.name },
      entityId: first.entity_id,
      accountField: first.account_field,
      subjectFields,
      jsonTexts: own.length === 0 ? [...nested] : own.filter(({ type }) => type === 'JSON').map(({ name }) => name),
      movesRows: table?.origin === 'TRANSFORMED',
      fields: columns.map(({ name, type }) => ({ name, column: type, isNested: nested.has(name) })),
    };
  }

  /** Of the newest versions, those at the top. */
  async #fieldsOf(entityIds: readonly string[]): Promise<readonly FieldRow[]> {
    const rows = await this.#deps.em.fork().execute(
      `select distinct on (f.path) f.path, f.type, f.semantic_type from entity e join entity_field f on f.version_id = e.latest_version_id
       where e.id = any(?::text[]) order by f.path, e.id`,
      [textArray(entityIds)],
    );
    return rows.map((row) => fieldRow.parse(row)).filter(({ path }) => isTopLevel(path));
  }
}

const madeOfItself = 'The table would be made of itself; take another source, or another path.';

const nestedOf = (fields: readonly FieldRow[]): ReadonlySet<string> =>
  new Set(fields.filter(({ type }) => ['record', 'array', 'map'].includes(type)).map(({ path }) => path));

const issueAt = (path: readonly PropertyKey[], code: SpecIssueCode, message: string): SpecIssue => ({
  path: placeOf(path),
  code,
  message,
});

const refused = (path: readonly PropertyKey[], code: SpecIssueCode, message: string): KnownSource => ({
  facts: null,
  issues: [issueAt(path, code, message)],
});

/** A place that nothing may be read from; other faults are none of the document. */
function refusedPlace(path: readonly PropertyKey[], error: unknown, code: SpecIssueCode): KnownSource {
  if (!(error instanceof LinewardError) || !error.spec.refusal) throw error;
  return refused(path, error.code === 'LAKE_LOCATION_TAKEN' ? 'LOCATION_TAKEN' : code, error.message);
}
