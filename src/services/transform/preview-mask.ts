import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { AccessGuard } from '../access/access-guard.ts';
import type { LabelReadModel } from '../lineage/label.read-model.ts';
import type { KnownTransformer } from './transformer-facts.ts';

/** What of a preview is shown masked. */
export interface PreviewMask {
  /** Fields of each source that are shown as they are. */
  readonly clear: readonly (readonly string[])[];
  isFieldMasked(source: number, field: string): boolean;
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

  async of(actor: Actor, { sources, spec, compiled, resource }: KnownTransformer): Promise<PreviewMask> {
    const clear = await Promise.all(
      sources.map(async (source, index) => {
        const name = spec.sources[index]?.topic ?? '';
        const labels = joined(await this.#deps.labels.labelsOf(source.datasetId), await this.#saidOf(source.entityId));
        const fields = source.fields.map((field) => field.name);
        const place = { namespace: this.#deps.kafkaNamespace, name };
        return fields.filter((field) => this.#isClear(actor, place, below(labels, field)));
      }),
    );
    const isClear = clear.map((fields) => new Set(fields));
    const said = await this.#saidOf(resource.entityId);
    const cut = resource.fullName.lastIndexOf('.');
    const table = { namespace: resource.fullName.slice(0, Math.max(cut, 0)), name: resource.fullName.slice(cut + 1) };
    const isFieldMasked = (source: number, field: string) => isClear[source]?.has(field) !== true;
    const masked = new Set(
      compiled.origins
        .filter(({ column, from }) => {
          const own = below(said, column);
          if (own.length > 0 && !this.#isClear(actor, table, own)) return true;
          return from.some(({ source, field }) => isFieldMasked(source, field));
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

  /** What the newest version of an entity says of its fields, by path. */
  async #saidOf(entityId: string): Promise<Labels> {
    const rows = await this.#deps.em.fork().execute<{ path: string; classifications: readonly string[] }[]>(
      `select path, classifications from entity join entity_field on version_id = latest_version_id
       where entity.id = ? and cardinality(classifications) > 0`,
      [entityId],
    );
    return new Map(rows.map(({ path, classifications }) => [path, classifications]));
  }
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
