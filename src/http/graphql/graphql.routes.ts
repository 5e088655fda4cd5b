import type { IncomingMessage } from 'node:http';
import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import fastifyApollo from '@as-integrations/fastify';
import type { FastifyInstance } from 'fastify';
import { type FormattedExecutionResult, GraphQLError, type GraphQLFormattedError, type GraphQLSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import type { Actor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import { originOf, toGraphqlError } from '../../errors/to-graphql-error.ts';
import type { RequestContext } from '../../resolvers/context.ts';
import type { Authentication } from '../../services/access/authentication.ts';
import { graphqlPath as path } from '../listener.ts';
import { admitOperation, DocumentGate, validationErrorsMax } from './admit-operation.ts';
import { assertCost } from './query-limits.ts';
import { assertVariables } from './variable-values.ts';

export interface GraphqlOptions {
  readonly schema: GraphQLSchema;
  /** Everything of the context that is not the request's own; called once a request. */
  readonly contextOf: (actor: Actor, requestId: string) => RequestContext;
  readonly authentication: Pick<Authentication, 'actorOf'>;
  /** Development: Sandbox at `/graphql`, introspection, hints in validation errors. */
  readonly development: boolean;
}

const payloadBytesMax = 1024 * 1024;

/** GraphQL over HTTP and, for subscriptions, over WebSocket (`graphql-transport-ws`) on the same path. */
export async function graphqlRoutes(server: FastifyInstance, options: GraphqlOptions): Promise<void> {
  const apollo = new ApolloServer<RequestContext>({
    schema: options.schema,
    introspection: options.development,
    hideSchemaDetailsFromClientErrors: !options.development,
    includeStacktraceInErrorResponses: false,
    validationOptions: { maxErrors: validationErrorsMax },
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    // It would end the process by the signal as soon as GraphQL has stopped, with everything else still running.
    stopOnTerminationSignals: false,
    // Reaches also what is refused before a request has a context.
    formatError: (formatted, error) => toGraphqlError(formatted, error, null),
    plugins: [
      // It wraps every field of every answer, and no type here declares cache hints.
      ApolloServerPluginCacheControlDisabled(),
      options.development
        ? ApolloServerPluginLandingPageLocalDefault({ embed: true, footer: false })
        : ApolloServerPluginLandingPageDisabled(),
      limits,
      errorsOf(server),
    ],
  });
  await apollo.start();
  const gate = new DocumentGate(options.schema);
  await server.register(fastifyApollo(apollo), {
    path,
    context: async (request) => {
      // The last place before the document is parsed.
      gate.assert(sourceOf(request.body) ?? sourceOf(request.query) ?? '');
      return options.contextOf(request.actor, request.id);
    },
  });
  // Fastify itself drains: by now every request is answered. Apollo's own drain plugin would wait for this very close.
  server.addHook('onClose', () => apollo.stop());
  subscriptions(server, options);
}

/** The document as the client sent it; null where it names one that was sent before. */
function sourceOf(sent: unknown): string | null {
  const query = typeof sent === 'object' && sent !== null && 'query' in sent ? sent.query : null;
  return typeof query === 'string' ? query : null;
}

const limits: ApolloServerPlugin<RequestContext> = {
  requestDidStart: async () => ({
    didResolveOperation: async ({ schema, document, operation, request }) => {
      if (operation === undefined) return;
      const variables = request.variables ?? {};
      assertVariables(schema, operation, variables);
      assertCost(schema, document, operation, variables);
    },
  }),
};

/** Shapes errors with the request id, and logs those that are our fault. */
function errorsOf(server: FastifyInstance): ApolloServerPlugin<RequestContext> {
  return {
    requestDidStart: async ({ contextValue }) => ({
      didEncounterErrors: async ({ errors, operationName }) => {
        for (const error of errors) {
          const origin = originOf(error);
          const fault = toLinewardError(origin);
          // What GraphQL itself refuses is the client's fault.
          if (!(origin instanceof GraphQLError) && fault.spec.level === 'error') {
            server.log.error(
              {
                requestId: contextValue.requestId,
                operationName,
                path: error.path,
                code: fault.code,
                error: fault.cause ?? fault,
              },
              'GraphQL request failed',
            );
          }
        }
      },
      willSendResponse: async ({ response, errors }) => {
        if (response.body.kind !== 'single' || response.body.singleResult.errors === undefined) return;
        response.body.singleResult.errors = response.body.singleResult.errors.map((formatted, index) =>
          toGraphqlError(formatted, errors?.[index], contextValue.requestId),
        );
      },
    }),
  };
}

function subscriptions(server: FastifyInstance, options: GraphqlOptions): void {
  // Not given the server itself: its faults, as a port that is taken, would be told as faults of the sockets too.
  const sockets = new WebSocketServer({
    noServer: true,
    path,
    maxPayload: payloadBytesMax,
    // Browsers open WebSockets to any host and ask nobody: pages of other sites stay out.
    verifyClient: ({ origin, req }: { origin?: string; req: IncomingMessage }) => isOwnOrigin(origin, req.headers.host),
  });
  server.server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client, request));
  });
  const actors = new WeakMap<IncomingMessage, Actor>();
  const requestIds = new WeakMap<IncomingMessage, string>();
  const requestIdOf = (request: IncomingMessage): string => {
    const known = requestIds.get(request) ?? newId();
    requestIds.set(request, known);
    return known;
  };
  const cleanup = useServer<{ authorization?: string }>(
    {
      onSubscribe: (_socket, _id, payload) => admitOperation(options.schema, payload, options),
      onConnect: async ({ connectionParams, extra: { request } }) => {
        try {
          const header = connectionParams?.authorization ?? request.headers.authorization;
          actors.set(request, await options.authentication.actorOf(header, requestIdOf(request)));
          return true;
        } catch (error) {
          if (toLinewardError(error).code === 'UNAUTHENTICATED') return false;
          throw error;
        }
      },
      context: ({ extra: { request } }) => {
        const actor = actors.get(request);
        if (actor === undefined) throw new LinewardError('UNAUTHENTICATED');
        return options.contextOf(actor, requestIdOf(request));
      },
      onError: ({ extra }, _id, _payload, errors) =>
        errors.map((error) => toGraphqlError(error.toJSON(), error, requestIdOf(extra.request))),
      onNext: ({ extra }, _id, _payload, _args, result) => {
        if (result.errors === undefined) return undefined;
        const requestId = requestIdOf(extra.request);
        const errors = result.errors.map((error) => toGraphqlError(error as GraphQLFormattedError, error, requestId));
        return { ...result, errors } as FormattedExecutionResult;
      },
    },
    sockets,
  );
  server.addHook('preClose', async () => {
    await cleanup.dispose();
  });
}

/** True for clients that are no browser, and for pages that this listener itself served. */
function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}
