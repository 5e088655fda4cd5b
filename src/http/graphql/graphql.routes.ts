import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import fastifyApollo from '@as-integrations/fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { GraphQLError } from 'graphql';
import { toLinewardError } from '../../errors/lineward-error.ts';
import { originOf, toGraphqlError } from '../../errors/to-graphql-error.ts';
import type { RequestContext } from '../../resolvers/context.ts';
import { graphqlPath as path } from '../graphql-path.ts';
import { DocumentGate, validationErrorsMax } from './admit-operation.ts';
import type { GraphqlOptions } from './graphql-options.ts';
import { graphqlSockets } from './graphql-sockets.ts';
import { assertCost, withinAllowance } from './query-limits.ts';
import type { SentDocument } from './trusted-documents.ts';
import { assertVariables } from './variable-values.ts';

/** GraphQL over HTTP and, for subscriptions, over WebSocket (`graphql-transport-ws`) on the same path. */
export async function graphqlRoutes(server: FastifyInstance, options: GraphqlOptions): Promise<void> {
  const { trusted } = options;
  const apollo = new ApolloServer<RequestContext>({
    schema: options.schema,
    introspection: options.development,
    hideSchemaDetailsFromClientErrors: !options.development,
    includeStacktraceInErrorResponses: false,
    validationOptions: { maxErrors: validationErrorsMax },
    csrfPrevention: true,
    ...(trusted === null ? {} : { persistedQueries: { cache: trusted.cache } }),
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
      limitsOf(options),
      errorsOf(server),
    ],
  });
  await apollo.start();
  if (options.development) letSandboxLoad(server);
  const gate = new DocumentGate(options.schema);
  await server.register(fastifyApollo(apollo), {
    path,
    context: async (request) => {
      // The last place before the document is parsed.
      trusted?.sourceOf(sentBy(request));
      gate.assert(sourceOf(request.body) ?? sourceOf(request.query) ?? '');
      return options.contextOf(request.actor, request.id);
    },
  });
  // Fastify itself drains: by now every request is answered. Apollo's own drain plugin would wait for this very close.
  server.addHook('onClose', () => apollo.stop());
  graphqlSockets(server, options);
}

/** The only page that is served is made of what another host has, and tells browsers itself what it may load. */
function letSandboxLoad(server: FastifyInstance): void {
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (String(reply.getHeader('content-type')).startsWith('text/html')) reply.removeHeader('content-security-policy');
    done(null, payload);
  });
}

/** The document as the client sent it; null where it names one that was sent before. */
function sourceOf(sent: unknown): string | null {
  const query = typeof sent === 'object' && sent !== null && 'query' in sent ? sent.query : null;
  return typeof query === 'string' ? query : null;
}

/** By GET everything is in the address. */
const sentBy = ({ method, body, query }: FastifyRequest): SentDocument =>
  ((method === 'GET' ? query : body) ?? {}) as SentDocument;

const limitsOf = ({ trusted, allowances }: GraphqlOptions): ApolloServerPlugin<RequestContext> => ({
  requestDidStart: async () => ({
    didResolveOperation: async ({ schema, document, operation, request, source, contextValue }) => {
      // Again, by the text that is going to be executed: Fastify and Apollo may read one address in two ways.
      trusted?.sourceOf({ query: source });
      if (operation === undefined) return;
      const variables = request.variables ?? {};
      assertVariables(schema, operation, variables);
      const cost = assertCost(schema, document, operation, variables);
      withinAllowance(() => allowances.query(contextValue.actor, cost));
    },
  }),
});

/** Shapes errors with the request id, and logs those that are our fault. */
function errorsOf(server: FastifyInstance): ApolloServerPlugin<RequestContext> {
  return {
    requestDidStart: async ({ contextValue }) => ({
      didEncounterErrors: async ({ errors, operationName }) => {
        for (const error of errors) {
          const origin = originOf(error);
          const fault = toLinewardError(origin);
          if (fault.code === 'TIMEOUT')
            server.log.warn(
              { requestId: contextValue.requestId, operationName, path: error.path, code: fault.code },
              'an answer took too long',
            );
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
