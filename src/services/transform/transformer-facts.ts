import type { EntityManager } from '@mikro-orm/postgresql';
import { readLocation } from '../../domain/lake/lake-location.ts';
import { type CompiledSpec, compileSpec } from '../../domain/transform/compile-spec.ts';
import { lookupsIn } from '../../domain/transform/lookup-plan.ts';
import { readSpec } from '../../domain/transform/read-spec.ts';
import type { ResourceFacts, SourceFacts } from '../../domain/transform/spec-facts.ts';
import type { SpecIssue } from '../../domain/transform/spec-issue.ts';
import type { TransformerSpec } from '../../domain/transform/transformer-spec.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import { readWhole } from '../access/reader.ts';
import type { LakeStore } from '../lake/ports.ts';
import { tableAt } from '../lake/table-places.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import { columnsOfFields, fieldRow, type NamedRecords, SourceFactsReader } from './source-facts.ts';

export interface TransformerFactsDeps {
  readonly em: EntityManager;
  readonly registry: Pick<RegistryReadModel, 'entityNamed'>;
  readonly store: Pick<LakeStore, 'url' | 'namespace'>;
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
  /** By their numbers. */
  readonly lookups: readonly SourceFacts[];
  readonly resource: ResourceFacts;
  readonly location: string;
}

export type CheckedTransformer =
  | ({ readonly ok: true } & KnownTransformer)
  | { readonly ok: false; readonly issues: readonly SpecIssue[] };

/** Reads documents by what the catalog knows of the topics, fields and versions that they name. */
export class TransformerFacts {
  readonly #deps: TransformerFactsDeps;
  readonly #sources: SourceFactsReader;

  constructor(deps: TransformerFactsDeps) {
    this.#deps = deps;
    this.#sources = new SourceFactsReader(deps);
  }

  /** `isNew`: also whether its directory is free. */
  async check(
    { document, orders }: GivenTransformer,
    { isNew }: { readonly isNew: boolean },
  ): Promise<CheckedTransformer> {
    const read = readSpec(document, orders);
    if (!read.ok) return read;
    const { spec } = read;
    const place = await this.#place(spec.resource.path, isNew);
    const inputs = await Promise.all(
      inputsOf(spec).map(async ({ named, path }) => ({
        ...(await this.#sources.of(named, { path, target: place.location })),
        path,
      })),
    );
    const all = inputs.map(({ facts }) => facts);
    const [sources, lookups] = [all.slice(0, spec.sources.length), all.slice(spec.sources.length)];
    const keys = sources.flatMap((source) => (source === null ? [] : [source.accountField, ...source.subjectFields]));
    const resource = await this.#resource(spec, keys);
    const answer = compileSpec(spec, { sources, lookups, resource });
    const issues = [
      ...place.issues,
      ...inputs.flatMap((input) => input.issues),
      ...(isNew ? await this.#sources.cycles(inputs, place.location) : []),
      ...(answer.ok ? [] : answer.issues),
    ];
    if (!answer.ok || issues.length > 0 || resource === null || all.includes(null)) return { ok: false, issues };
    const known = { sources: sources.filter((one) => one !== null), lookups: lookups.filter((one) => one !== null) };
    return { ok: true, spec, compiled: answer.compiled, ...known, resource, location: place.location };
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
      const known = isNew ? await readWhole(() => tableAt(this.#deps.em.fork(), location)) : null;
      if (known === null) return { location, issues: [] };
      const message = `There is a lake table at ${location} already; a version of a transformer makes a table of its own.`;
      return { location, issues: [{ path: at, code: 'LOCATION_TAKEN', message }] };
    } catch (error) {
      if (!(error instanceof LinewardError)) throw toLinewardError(error);
      const code = error.code === 'LAKE_LOCATION_TAKEN' ? 'LOCATION_TAKEN' : 'PATH_INVALID';
      if (!error.spec.refusal) throw error;
      return { location: path, issues: [{ path: at, code, message: error.message }] };
    }
  }
}

/** What a document reads, and where it names it: its sources, and after them its lookups. */
export function inputsOf(
  spec: TransformerSpec,
): readonly { readonly named: NamedRecords; readonly path: readonly PropertyKey[] }[] {
  return [
    ...spec.sources.map((named, index) => ({ named, path: ['sources', index] })),
    ...lookupsIn(spec).map(({ source, step, lookup: named }) => ({
      named,
      path: ['sources', source, 'transforms', step],
    })),
  ];
}
