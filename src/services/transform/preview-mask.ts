import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { AccessGuard } from '../access/access-guard.ts';
import type { LabelReadModel } from '../lineage/label.read-model.ts';
import type { KnownTransformer } from './transformer-facts.ts';

/** What of a preview is shown masked. */
export interface PreviewMask {
  /** Fields of each input, the sources and then the lookups, that are shown as they are. */
  readonly clear: readonly (readonly string[])[];
  isFieldMasked(input: number, field: string): boolean;
  isColumnMasked(column: string): boolean;
}

/** Decides which fields of records somebody may see as they are: by the labels of each, once for the whole preview. */
export class PreviewMasks {
  readonly #deps: {
    readonly em: EntityManager;
    readonly access: Pick<AccessGuard, 'mayWith'>;
    readonly labels: Pick<LabelReadModel, 'labelsOf'>;
    readonly kafkaNamespace: string;
  };

  constructor(deps: {
    readonly em: EntityManager;
    readonly access: Pick<AccessGuard, 'mayWith'>;
    readonly labels: Pick<LabelReadModel, 'labelsOf'>;
    readonly kafkaNamespace: string;
  }) {
    this.#deps = deps;
  }

  async of(actor: Actor, { sources, lookups, compiled, resource }: KnownTransformer): Promise<PreviewMask> {
    const clear = await Promise.all(
      [...sources, ...lookups].map(async ({ kind, datasetId, entityId, place: at, fields }) => {
        const { said, ...named } = await this.#entity(entityId);
        const labels = datasetId === null ? said : joined(await this.#deps.labels.labelsOf(datasetId), said);
        // Topics are known by their own names, tables and files by what is in them.
        const places = kind === 'TOPIC' ? await this.#topicNames(at.name, datasetId) : [named];
        return fields
          .map(({ name }) => name)
          .filter((field) => places.every((place) => this.#isClear(actor, place, below(labels, field))));
      }),
    );
    const isClear = clear.map((fields) => new Set(fields));
    const { said, ...table } = await this.#entity(resource.entityId);
    const isFieldMasked = (input: number, field: string) => isClear[input]?.has(field) !== true;
    const masked = new Set(
      compiled.origins
        .filter(({ column, from }) => {
          const own = below(said, column);
          if (own.length > 0 && !this.#isClear(actor, table, own)) return true;
          return from.some(({ input, field }) => isFieldMasked(input, field));
        })
        .map(({ column }) => column),
    );
    return { clear, isFieldMasked, isColumnMasked: (column) => masked.has(column) };
  }

  #isClear(
    actor: Actor,
    place: { readonly namespace: string; readonly name: string },
    classifications: readonly string[],
  ): boolean {
    return this.#deps.access.mayWith(actor, 'READ_CLEAR', { ...place, classifications }, 'previewTransformer');
  }

  /** A topic that was rewritten is no clearer under its new name than it was before. */
  async #topicNames(name: string, datasetId: string | null) {
    const rows = await this.#deps.em
      .fork()
      .execute<{ name: string }[]>('select name from topic_alias where dataset_id = ?', [datasetId]);
    return [{ name }, ...rows].map((one) => ({ namespace: this.#deps.kafkaNamespace, name: one.name }));
  }

  /** The name of an entity, and what its newest version says of its fields, by path. */
  async #entity(id: string): Promise<{ readonly namespace: string; readonly name: string; readonly said: Labels }> {
    const rows = await this.#deps.em.fork().execute<EntityRow[]>(
      `select namespace, name, path, classifications from entity left join entity_field
         on version_id = latest_version_id and cardinality(classifications) > 0 where entity.id = ?`,
      [id],
    );
    const { namespace = '', name = '' } = rows[0] ?? {};
    const said = rows.flatMap(({ path, classifications }) => (path === null ? [] : [[path, classifications] as const]));
    return { namespace, name, said: new Map(said) };
  }
}

interface EntityRow {
  readonly namespace: string;
  readonly name: string;
  /** Null for an entity without a label. */
  readonly path: string | null;
  readonly classifications: readonly string[];
}

type Labels = ReadonlyMap<string, readonly string[]>;

function joined(one: Labels, other: Labels): Labels {
  const all = new Map(one);
  for (const [path, labels] of other) all.set(path, [...(all.get(path) ?? []), ...labels]);
  return all;
}

/** Labels of a field and of all inside of it, which is shown with it. */
function below(labels: Labels, field: string): readonly string[] {
  const within = [...labels].filter(
    ([path]) => path === field || [`${field}.`, `${field}[`].some((start) => path.startsWith(start)),
  );
  return [...new Set(within.flatMap(([, all]) => all))];
}
