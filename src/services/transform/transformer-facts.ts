import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { readLocation } from '../../domain/lake/lake-location.ts';
import {
  type CompiledSpec,
  compileSpec,
  type ResourceFacts,
  type SourceFacts,
} from '../../domain/transform/compile-spec.ts';
import { readSpec } from '../../domain/transform/read-spec.ts';
import type { SpecIssue } from '../../domain/transform/spec-issue.ts';
import type { TransformerSpec } from '../../domain/transform/transformer-spec.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import type { LakeStore } from '../lake/ports.ts';
import { columnsOfVersion, isTopLevel } from '../lake/table-columns.ts';
import { tableAt } from '../lake/table-places.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import { textArray } from '../sql.ts';

export interface TransformerFactsDeps {
  readonly em: EntityManager;
  readonly registry: Pick<RegistryReadModel, 'entityNamed'>;
  readonly store: Pick<LakeStore, 'url'>;
  /** Of the datasets of topics. */
  readonly kafkaNamespace: string;
}

/** A document as given, with lists of values beside it. */
export interface GivenTransformer {
  readonly document: string;
  readonly orders: Readonly<Record<string, readonly string[]>>;
}

/** A valid transformer with what the catalog knows of it. */
export interface KnownTransformer {
  readonly spec: TransformerSpec;
  readonly compiled: CompiledSpec;
  readonly sources: readonly SourceFacts[];
  readonly resource: ResourceFacts;
  readonly location: string;
}

export type CheckedTransformer =
  | ({ readonly ok: true } & KnownTransformer)
  | { readonly ok: false; readonly issues: readonly SpecIssue[] };

const sourceRow = z.object({
  dataset_id: z.string(),
  entity_id: z.string(),
  account_field: z.string(),
  subject_fields: z.array(z.string()),
});
const fieldRow = z.object({ path: z.string(), type: z.string(), semantic_type: z.string().nullable() });

/** Reads documents by what the catalog knows of the topics, fields and versions that they name. */
export class TransformerFacts {
  readonly #deps: TransformerFactsDeps;

  constructor(deps: TransformerFactsDeps) {
    this.#deps = deps;
  }

  /** `isNew`: also whether its directory is free. */
  async check(
    { document, orders }: GivenTransformer,
    { isNew }: { readonly isNew: boolean },
  ): Promise<CheckedTransformer> {
    const read = readSpec(document, orders);
    if (!read.ok) return read;
    const { spec } = read;
    const sources = await Promise.all(spec.sources.map(({ topic }) => this.#source(topic)));
    const keys = sources.flatMap((source) => (source === null ? [] : [source.accountField, ...source.subjectFields]));
    const resource = await this.#resource(spec, keys);
    const place = await this.#place(spec.resource.path, isNew);
    const answer = compileSpec(spec, { sources, resource });
    const issues = [...place.issues, ...(answer.ok ? [] : answer.issues)];
    if (!answer.ok || issues.length > 0 || resource === null) return { ok: false, issues };
    const known = sources.filter((source) => source !== null);
    return { ok: true, spec, compiled: answer.compiled, sources: known, resource, location: place.location };
  }

  async #source(topic: string): Promise<SourceFacts | null> {
    // The database refuses to look for a text with U+0000.
    if (topic.includes('\0')) return null;
    const em = this.#deps.em.fork();
    // A topic that a rewrite has put another in the place of is still known by its name.
    const rows = await em.execute(
      `select d.id as dataset_id, m.entity_id, m.account_field, m.subject_fields
       from dataset d join mapping m on m.dataset_id = d.id and m.role = 'TOPIC'
       where d.namespace = ? and (d.name = ? or d.id in (select dataset_id from topic_alias where namespace = d.namespace and name = ?))
       order by m.created_at, m.id`,
      [this.#deps.kafkaNamespace, topic, topic],
    );
    const mappings = rows.map((row) => sourceRow.parse(row));
    const [first] = mappings;
    if (first === undefined) return null;
    const fields = await em.execute(
      `select distinct on (f.path) f.path, f.type, f.semantic_type from entity e join entity_field f on f.version_id = e.latest_version_id
       where e.id = any(?::text[]) order by f.path, e.id`,
      [textArray(mappings.map(({ entity_id }) => entity_id))],
    );
    const top = fields.map((row) => fieldRow.parse(row)).filter(({ path }) => isTopLevel(path));
    const nested = new Set(top.filter(({ type }) => ['record', 'array', 'map'].includes(type)).map(({ path }) => path));
    const subjectFields = [...new Set(mappings.flatMap((mapping) => mapping.subject_fields))];
    const columns = columnsOfFields(top, [first.account_field, ...subjectFields]);
    return {
      datasetId: first.dataset_id,
      entityId: first.entity_id,
      accountField: first.account_field,
      subjectFields,
      fields: columns.map(({ name, type }) => ({ name, column: type, isNested: nested.has(name) })),
    };
  }

  async #resource({ resource }: TransformerSpec, keys: readonly string[]): Promise<ResourceFacts | null> {
    const { namespace, entity: name, version } = resource.schema;
    if (`${namespace}${name}`.includes('\0')) return null;
    const entity = await this.#deps.registry.entityNamed(namespace, name);
    if (entity === null) return null;
    const fields = await this.#deps.em.fork().execute(
      `select f.path, f.type, f.semantic_type from entity_version v join entity_field f on f.version_id = v.id
       where v.entity_id = ? and v.number = ? order by f.ordinal`,
      [entity.id, version],
    );
    if (fields.length === 0) return null;
    const columns = columnsOfFields(
      fields.map((row) => fieldRow.parse(row)),
      keys,
    );
    return { entityId: entity.id, fullName: `${entity.namespace}.${entity.name}`, columns };
  }

  async #place(
    path: string,
    isNew: boolean,
  ): Promise<{ readonly location: string; readonly issues: readonly SpecIssue[] }> {
    const at = 'resource.path';
    try {
      const location = readLocation(path, this.#deps.store.url);
      const known = isNew ? await tableAt(this.#deps.em.fork(), location) : null;
      if (known === null) return { location, issues: [] };
      const message = `There is a lake table at ${known.location} already; a version of a transformer makes a table of its own.`;
      return { location, issues: [{ path: at, code: 'LOCATION_TAKEN', message }] };
    } catch (error) {
      if (!(error instanceof LinewardError)) throw toLinewardError(error);
      const code = error.code === 'LAKE_LOCATION_TAKEN' ? 'LOCATION_TAKEN' : 'PATH_INVALID';
      if (!error.spec.refusal) throw error;
      return { location: path, issues: [{ path: at, code, message: error.message }] };
    }
  }
}

const columnsOfFields = (fields: readonly z.infer<typeof fieldRow>[], keys: readonly string[]) =>
  columnsOfVersion(
    fields.map(({ path, type, semantic_type: semanticType }) => ({ path, type, semanticType })),
    keys,
  );
