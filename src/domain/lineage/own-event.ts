/** What names the product as the producer of events, in the words of OpenLineage. */
export const producer = 'urn:lineward';
const spec = 'https://openlineage.io/spec';

export const eventSchema = (kind: 'RunEvent' | 'JobEvent' | 'DatasetEvent'): string =>
  `${spec}/2-0-2/OpenLineage.json#/$defs/${kind}`;

/** What every facet begins with. */
export const facet = (name: string, version: string) => ({
  _producer: producer,
  _schemaURL: `${spec}/facets/${version}/${name}.json#/$defs/${name}`,
});

/** The facet that tells the fields of a dataset; a type that is not known is left out. */
export const schemaFacet = (fields: readonly { readonly path: string; readonly type: string | null }[]) => ({
  ...facet('SchemaDatasetFacet', '1-1-1'),
  fields: fields.map(({ path, type }) => (type === null ? { name: path } : { name: path, type })),
});
