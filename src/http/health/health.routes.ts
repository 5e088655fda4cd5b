import type { FastifyInstance } from 'fastify';

/** One part of the process. A part that is not vital degrades the service without making it unready. */
export interface HealthPart {
  readonly name: string;
  readonly vital: boolean;
  /** Null when the part works, else why not. Answers within `timeoutMs` or counts as not working. */
  check(): Promise<string | null>;
}

/** The process's metrics as they are scraped. */
export interface MetricsPage {
  readonly contentType: string;
  metrics(): Promise<string>;
}

const timeoutMs = 2_000;

async function stateOf(part: HealthPart): Promise<{ ready: boolean; vital: boolean; reason?: string }> {
  const late = new Promise<string>((resolve) => {
    setTimeout(() => resolve(`no answer within ${timeoutMs} ms`), timeoutMs).unref();
  });
  const reason = await Promise.race([part.check(), late]).catch((error: unknown) =>
    error instanceof Error ? error.message : 'failed',
  );
  return { ready: reason === null, vital: part.vital, ...(reason === null ? {} : { reason }) };
}

/**
 * `/healthz`: the process answers. `/readyz`: 200 when every vital part works, else 503; the body names each part and what
 * is wrong with it. `/metrics`: Prometheus text.
 */
export function healthRoutes(
  server: FastifyInstance,
  deps: { readonly parts: readonly HealthPart[]; readonly metrics: MetricsPage },
): void {
  server.get('/healthz', { config: { action: null } }, async () => ({ status: 'ok' }));
  server.get('/readyz', { config: { action: null } }, async (_request, reply) => {
    const states = await Promise.all(deps.parts.map(async (part) => [part.name, await stateOf(part)] as const));
    const down = states.filter(([, state]) => !state.ready);
    const unready = down.some(([, state]) => state.vital);
    const status = unready ? 'unready' : down.length > 0 ? 'degraded' : 'ready';
    return reply.status(unready ? 503 : 200).send({ status, parts: Object.fromEntries(states) });
  });
  server.get('/metrics', { config: { action: 'DISCOVER' } }, async (_request, reply) =>
    reply.type(deps.metrics.contentType).send(await deps.metrics.metrics()),
  );
}
