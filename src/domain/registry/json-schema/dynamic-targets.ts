import type { JsonObject } from '../json-text.ts';
import type { JsonResolver } from './json-resolver.ts';

/**
 * What `$dynamicRef` and `$recursiveRef` may mean. Which anchor holds depends on the way by which a validator came, so every
 * one that a schema or its references offer is counted.
 */
export class DynamicTargets {
  readonly #anchors: ReadonlyMap<unknown, readonly JsonObject[]>;
  readonly #recursive: readonly JsonObject[];

  constructor({ met }: JsonResolver) {
    const schemas = met.map(({ schema }) => schema);
    this.#anchors = Map.groupBy(schemas, (schema) => schema.$dynamicAnchor);
    this.#recursive = schemas.filter((schema) => schema.$recursiveAnchor === true);
  }

  of({ $dynamicRef, $recursiveRef }: JsonObject): readonly JsonObject[] {
    const anchor = typeof $dynamicRef === 'string' ? $dynamicRef.slice($dynamicRef.indexOf('#') + 1) : null;
    return [
      ...(anchor === null ? [] : (this.#anchors.get(anchor) ?? [])),
      ...($recursiveRef === undefined ? [] : this.#recursive),
    ];
  }
}
