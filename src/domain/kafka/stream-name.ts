/** Name of a stream as a lineage job. */
export function jobNameOf(stream: { readonly id: string; readonly kind: string }): string {
  return `lineward.${stream.kind.toLowerCase()}.${stream.id}`;
}

/** Consumer group of a stream. */
export function groupOf(streamId: string): string {
  return `lineward.${streamId}`;
}

/** Dataset namespace of records that arrive by HTTP. */
export const directNamespace = 'lineward';
