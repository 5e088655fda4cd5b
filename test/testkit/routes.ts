import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance, RouteOptions } from 'fastify';
import type { TestApp } from './app.ts';

export type ListenerName = 'main' | 'registry' | 'produce';

/** One way in, as a server itself registered it. */
export interface RegisteredRoute {
  readonly listener: ListenerName;
  readonly method: string;
  readonly url: string;
  /** Answers nothing but that the method is not for it. */
  readonly isRefusal: boolean;
}

/** An app with all that its servers registered while it started: nobody has to remember to list a route. */
export async function appWithRoutes(
  start: () => Promise<TestApp>,
): Promise<{ app: TestApp; routes: readonly RegisteredRoute[] }> {
  const seen: { server: FastifyInstance; route: RouteOptions }[] = [];
  const watch = (message: unknown): void => {
    const { fastify } = message as { readonly fastify: FastifyInstance };
    fastify.addHook('onRoute', (route) => {
      seen.push({ server: fastify, route });
    });
  };
  subscribe('fastify.initialization', watch);
  const app = await start().finally(() => unsubscribe('fastify.initialization', watch));
  const listenerOf = (server: FastifyInstance): ListenerName => {
    const { port } = server.server.address() as AddressInfo;
    const found = (['main', 'registry', 'produce'] as const).find(
      (name) => new URL(app.urls[name] ?? '').port === String(port),
    );
    if (found === undefined) throw new Error(`no listener has the port ${port}`);
    return found;
  };
  const routes = seen.flatMap(({ server, route }) =>
    [route.method].flat().map((method) => ({
      ...{ listener: listenerOf(server), method, url: route.url },
      isRefusal: (route.config as { readonly allow?: string } | undefined)?.allow !== undefined,
    })),
  );
  return { app, routes };
}
