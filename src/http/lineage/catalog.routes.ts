import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import type {
  CatalogDataset,
  CatalogJob,
  LineageCatalogReadModel,
} from '../../services/lineage/lineage-catalog.read-model.ts';
import { datasetShape, hitShape, jobShape, namespaceShape, runShape, versionShape } from './marquez-shapes.ts';

const page = z.object({
  limit: z.coerce.number().int().min(0).max(1_000).default(100),
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
});
const searchQuery = page.extend({
  q: z.string().max(1_000),
  filter: z.enum(['DATASET', 'JOB', 'dataset', 'job']).optional(),
  namespace: z.string().optional(),
  sort: z.enum(['NAME', 'UPDATE_AT', 'name', 'update_at']).default('NAME'),
  limit: page.shape.limit.default(10),
});
const names = z.object({ namespace: z.string(), name: z.string() });

/** A query of an address, or a refusal that names what is wrong of it. */
export function queryOf<T>(schema: z.ZodType<T>, query: unknown): T {
  const read = schema.safeParse(query);
  if (read.success) return read.data;
  const places = [...new Set(read.error.issues.map(({ path }) => path.join('.')))];
  throw new LinewardError('BAD_INPUT', `Missing or out of range: ${places.join(', ')}.`, { path: places });
}

/**
 * What scripts and the web UI of Marquez read of the catalog, at its addresses and in its shapes: `/api/v1/namespaces`, datasets,
 * their version, jobs, runs, `search`, `tags`.
 */
export function catalogRoutes(
  server: FastifyInstance,
  { lineageCatalog: catalog }: { readonly lineageCatalog: LineageCatalogReadModel },
) {
  datasetRoutes(server, catalog);
  jobRoutes(server, catalog);
  server.get('/api/v1/search', { config: { action: 'DISCOVER' } }, async (request) => {
    const { q, filter, namespace, sort, ...asked } = queryOf(searchQuery, request.query);
    const type = filter?.toUpperCase() ?? null;
    const byTime = sort.toUpperCase() === 'UPDATE_AT';
    const { rows, total } = await catalog.search({ text: q, type, namespace: namespace ?? null, byTime }, asked);
    return { totalCount: total, results: rows.map(hitShape) };
  });
  server.get('/api/v1/tags', { config: { action: 'DISCOVER' } }, async () => ({
    tags: (await catalog.tags()).map((name) => ({ name, description: null })),
  }));
}

function datasetRoutes(server: FastifyInstance, catalog: LineageCatalogReadModel): void {
  server.get('/api/v1/namespaces', { config: { action: 'DISCOVER' } }, async (request) => {
    const { rows } = await catalog.namespaces(queryOf(page, request.query));
    return { namespaces: rows.map(namespaceShape) };
  });
  server.get('/api/v1/namespaces/:namespace', { config: { action: 'DISCOVER' } }, async (request) => {
    const { namespace } = names.pick({ namespace: true }).parse(request.params);
    const { rows } = await catalog.namespaces({ limit: 1, offset: 0 }, namespace);
    return namespaceShape(found(rows[0], 'namespace'));
  });
  server.get('/api/v1/namespaces/:namespace/datasets', { config: { action: 'DISCOVER' } }, async (request) => {
    const { namespace } = names.pick({ namespace: true }).parse(request.params);
    const { rows, total } = await catalog.datasets(namespace, queryOf(page, request.query));
    return { totalCount: total, datasets: rows.map(datasetShape) };
  });
  const datasetOf = async (params: unknown): Promise<CatalogDataset> =>
    found((await catalog.datasetsNamed([names.parse(params)]))[0], 'dataset');
  server.get('/api/v1/namespaces/:namespace/datasets/:name', { config: { action: 'DISCOVER' } }, async ({ params }) =>
    datasetShape(await datasetOf(params)),
  );
  server.get(
    '/api/v1/namespaces/:namespace/datasets/:name/versions',
    { config: { action: 'DISCOVER' } },
    async ({ params }) => {
      const dataset = await datasetOf(params);
      return { totalCount: 1, versions: [versionShape(dataset)] };
    },
  );
  server.get(
    '/api/v1/namespaces/:namespace/datasets/:name/versions/:version',
    { config: { action: 'DISCOVER' } },
    async ({ params }) => {
      const dataset = await datasetOf(params);
      const { version } = z.object({ version: z.string() }).parse(params);
      return versionShape(found(dataset.id === version ? dataset : undefined, 'version'));
    },
  );
}

function jobRoutes(server: FastifyInstance, catalog: LineageCatalogReadModel): void {
  server.get('/api/v1/jobs', { config: { action: 'DISCOVER' } }, async (request) => {
    const { rows, total } = await catalog.jobs(null, queryOf(page, request.query));
    return { totalCount: total, jobs: rows.map(jobShape) };
  });
  server.get('/api/v1/namespaces/:namespace/jobs', { config: { action: 'DISCOVER' } }, async (request) => {
    const { namespace } = names.pick({ namespace: true }).parse(request.params);
    const { rows, total } = await catalog.jobs(namespace, queryOf(page, request.query));
    return { totalCount: total, jobs: rows.map(jobShape) };
  });
  const jobOf = async (params: unknown): Promise<CatalogJob> =>
    found((await catalog.jobsNamed([names.parse(params)]))[0], 'job');
  server.get('/api/v1/namespaces/:namespace/jobs/:name', { config: { action: 'DISCOVER' } }, async ({ params }) =>
    jobShape(await jobOf(params)),
  );
  server.get(
    '/api/v1/namespaces/:namespace/jobs/:name/runs',
    { config: { action: 'DISCOVER' } },
    async ({ params, query }) => {
      const { rows, total } = await catalog.runs((await jobOf(params)).id, queryOf(page, query));
      return { totalCount: total, runs: rows.map(runShape) };
    },
  );
  server.get('/api/v1/jobs/runs/:id', { config: { action: 'DISCOVER' } }, async ({ params }) => {
    const { id } = z.object({ id: z.string() }).parse(params);
    const [run] = await catalog.runsOf(id.toLowerCase());
    return runShape(found(run, 'run'));
  });
}

function found<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw new LinewardError('NOT_FOUND', `${what}: there is none of this name.`, { path: [what] });
}
