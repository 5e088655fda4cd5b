import type { Actor } from '../../domain/access/actor.ts';
import type { AccessGuard } from '../access/access-guard.ts';
import type { ReadPlace } from '../lake-reads/clear-columns.ts';
import type { InputLabels } from './input-labels.ts';
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
  readonly #access: Pick<AccessGuard, 'mayWith'>;
  readonly #labels: InputLabels;

  constructor(deps: { readonly access: Pick<AccessGuard, 'mayWith'>; readonly inputLabels: InputLabels }) {
    this.#access = deps.access;
    this.#labels = deps.inputLabels;
  }

  async of(actor: Actor, { sources, lookups, compiled, resource }: KnownTransformer): Promise<PreviewMask> {
    const clear = await Promise.all(
      [...sources, ...lookups].map(async (input) => {
        const { places, labelsOf } = await this.#labels.of(input);
        return input.fields
          .map(({ name }) => name)
          .filter((field) => places.every((place) => this.#isClear(actor, place, labelsOf(field))));
      }),
    );
    const isClear = clear.map((fields) => new Set(fields));
    const table = await this.#labels.ofEntity(resource.entityId);
    const isFieldMasked = (input: number, field: string) => isClear[input]?.has(field) !== true;
    const masked = new Set(
      compiled.origins
        .filter(({ column, from }) => {
          const own = table.labelsOf(column);
          if (own.length > 0 && !table.places.every((place) => this.#isClear(actor, place, own))) return true;
          return from.some(({ input, field }) => isFieldMasked(input, field));
        })
        .map(({ column }) => column),
    );
    return { clear, isFieldMasked, isColumnMasked: (column) => masked.has(column) };
  }

  #isClear(actor: Actor, place: ReadPlace, classifications: readonly string[]): boolean {
    return this.#access.mayWith(actor, 'READ_CLEAR', { ...place, classifications }, 'previewTransformer');
  }
}
