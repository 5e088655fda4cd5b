import type { CatalogField } from './catalog-line.ts';
import type { PlaceName } from './event-value.ts';
import { eventSchema, facet, producer, schemaFacet } from './own-event.ts';

const head = (kind: 'JobEvent' | 'DatasetEvent', at: Date) => ({
  eventTime: at.toISOString(),
  producer,
  schemaURL: eventSchema(kind),
});

/** An event that tells of a dataset, and of its fields where they are given. */
export function datasetEvent(place: PlaceName, fields: readonly CatalogField[] | null, at: Date): object {
  const facets = fields === null ? {} : { schema: schemaFacet(fields) };
  return { ...head('DatasetEvent', at), dataset: { ...place, facets } };
}

/** An event that tells that a dataset is no longer there. */
export function dropEvent(place: PlaceName, at: Date): object {
  const lifecycleStateChange = {
    ...facet('LifecycleStateChangeDatasetFacet', '1-0-1'),
    lifecycleStateChange: 'DROP',
  };
  return { ...head('DatasetEvent', at), dataset: { ...place, facets: { lifecycleStateChange } } };
}

/** An event that tells what a job reads and writes. */
export function jobEvent(
  job: PlaceName,
  { inputs, outputs }: { readonly inputs: readonly PlaceName[]; readonly outputs: readonly PlaceName[] },
  at: Date,
): object {
  return { ...head('JobEvent', at), job, inputs, outputs };
}
