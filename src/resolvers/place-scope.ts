import { globalId, localId } from '../domain/global-id.ts';
import { type GivenPlaces, type PlaceScope, scopeOf } from '../domain/governance/place-scope.ts';
import type { PlaceScopeInput, PlaceScopeType } from '../schema/place-scope.type.ts';

/** A scope by our own ids. @throws LinewardError BAD_INPUT, NOT_FOUND for an id that is none */
export function placesFrom({ datasetIds, entityIds, ...given }: PlaceScopeInput): GivenPlaces {
  const idsOf = (type: 'Dataset' | 'Entity', part: string, ids: readonly string[] | null | undefined) =>
    ids?.map((id) => localId(type, id, ['scope', part]));
  return {
    ...given,
    datasetIds: idsOf('Dataset', 'datasetIds', datasetIds),
    entityIds: idsOf('Entity', 'entityIds', entityIds),
  };
}

/** A scope by the ids that the API knows. */
export function placesToGraphql(scoped: PlaceScope): PlaceScopeType {
  const { datasetIds, entityIds, ...scope } = scopeOf(scoped);
  return {
    ...scope,
    datasetIds: datasetIds?.map((id) => globalId('Dataset', id)) ?? null,
    entityIds: entityIds?.map((id) => globalId('Entity', id)) ?? null,
  };
}
