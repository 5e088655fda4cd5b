import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { LineageCatalogReadModel } from '../../services/lineage/lineage-catalog.read-model.ts';
import type { NodeGraphReadModel, NodeName } from '../../services/lineage/node-graph.read-model.ts';
import { queryOf } from './catalog.routes.ts';
import { fieldGraphShape, graphShape } from './marquez-shapes.ts';

const nodeIdChars = 10_000;
const graphQuery = z.object({
  nodeId: z.string().max(nodeIdChars),
  depth: z.coerce.number().int().min(1).max(50).default(20),
});
const fieldQuery = graphQuery.extend({ withDownstream: z.enum(['true', 'false']).default('false') });

/**
 * `GET /api/v1/lineage` and `/column-lineage?nodeId=&depth=` in Marquez's shapes, with `complete` beside. Both follow the data, and not
 * whatever shares a dataset: upstream of the node and downstream of it.
 */
export function graphRoutes(
  server: FastifyInstance,
  deps: { readonly lineageGraph: NodeGraphReadModel; readonly lineageCatalog: LineageCatalogReadModel },
): void {
  const { lineageGraph, lineageCatalog } = deps;
  server.get('/api/v1/lineage', { config: { action: 'DISCOVER' } }, async (request) => {
    const { nodeId, depth } = queryOf(graphQuery, request.query);
    const graph = known(await lineageGraph.around(nodeOf(nodeId), depth));
    const datasets = await lineageCatalog.datasetsNamed(graph.datasets);
    return graphShape(graph, datasets, await lineageCatalog.jobsNamed(graph.jobs));
  });
  server.get('/api/v1/column-lineage', { config: { action: 'DISCOVER' } }, async (request) => {
    const { nodeId, depth, withDownstream } = queryOf(fieldQuery, request.query);
    const direction = withDownstream === 'true' ? 'BOTH' : 'UPSTREAM';
    return fieldGraphShape(known(await lineageGraph.aroundFields(nodeOf(nodeId), depth, direction)));
  });
}

const kinds: Readonly<Record<string, NodeName['kind']>> = { dataset: 'DATASET', job: 'JOB', datasetField: 'FIELD' };
/** Names with more of them are made to be slow. */
const colonsMax = 50;

/** `dataset:<namespace>:<name>`, where both may hold colons: each colon may be the one between them. */
function nodeOf(text: string): NodeName {
  const [word = '', ...parts] = text.split(':');
  const kind = kinds[word];
  if (kind === undefined || parts.length < 2 || parts.length > colonsMax)
    throw new LinewardError(
      'BAD_INPUT',
      'nodeId: must be dataset:<namespace>:<name>, job:<namespace>:<name> or datasetField:<namespace>:<name>:<field>.',
      { path: ['nodeId'] },
    );
  const joined = (from: number, to?: number): string => parts.slice(from, to).join(':');
  const places = parts.slice(1).map((_, index) => index + 1);
  if (kind !== 'FIELD') return { kind, names: places.map((at) => ({ namespace: joined(0, at), name: joined(at) })) };
  return {
    kind,
    names: places.flatMap((at) =>
      places
        .filter((end) => end > at)
        .map((end) => ({ namespace: joined(0, at), name: joined(at, end), field: joined(end) })),
    ),
  };
}

function known<T>(graph: T | null): T {
  if (graph !== null) return graph;
  throw new LinewardError('NOT_FOUND', 'nodeId: nobody speaks of such a node.', { path: ['nodeId'] });
}
