import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import {
  execute,
  type FormattedExecutionResult,
  type GraphQLError,
  type GraphQLFormattedError,
  subscribe,
} from 'graphql';
import { CloseCode } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { isBound } from '../../domain/access/access-decision.ts';
import type { Actor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import { toGraphqlError } from '../../errors/to-graphql-error.ts';
import type { RequestContext } from '../../resolvers/context.ts';
import { answerAs, readOn } from '../../services/access/reader.ts';
import { graphqlPath as path } from '../graphql-path.ts';
import { admitOperation, costOfEvent } from './admit-operation.ts';
import type { GraphqlOptions } from './graphql-options.ts';
import { OpenSockets, socketLimits } from './open-sockets.ts';
import { badRequest } from './query-limits.ts';

const payloadBytesMax = 1024 * 1024;
/** A client that does not answer the closing of its connection holds it no longer. */
const closeMs = 3_000;

type Parameters = { authorization?: string };

/** A connection, and what its client sent with the first message. */
interface Connection {
  readonly connectionParams?: Readonly<Parameters> | undefined;
  readonly extra: { readonly request: IncomingMessage; readonly socket: WebSocket };
}

/**
 * GraphQL over WebSocket (`graphql-transport-ws`). A connection lives long: whose it is is asked anew for each operation and
 * each event, so that a token that was revoked or is over ends what it began.
 */
export function graphqlSockets(server: FastifyInstance, options: GraphqlOptions): void {
  // Not given the server itself: its faults, as a port that is taken, would be told as faults of the sockets too.
  const open = new OpenSockets();
  const sockets = new WebSocketServer({
    noServer: true,
    path,
    maxPayload: payloadBytesMax,
    // Not in the typings yet.
    ...{ closeTimeout: closeMs },
    // Browsers open WebSockets to any host and ask nobody: pages of other sites stay out.
    verifyClient: ({ origin, req }, admit) => {
      if (!isOwnOrigin(origin, req.headers.host)) return admit(false, 401);
      return admit(open.mayBegin(addressOf(req)), 503, undefined, { 'retry-after': '3' });
    },
  });
  server.server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (client) => {
      open.begin(request, addressOf(request));
      client.once('close', () => open.close(request));
      sockets.emit('connection', client, request);
    });
  });
  const actors = new WeakMap<IncomingMessage, Actor>();
  const requestIds = new WeakMap<IncomingMessage, string>();
  const requestIdOf = (request: IncomingMessage): string => {
    const known = requestIds.get(request) ?? newId();
    requestIds.set(request, known);
    return known;
  };
  const actorOf = (request: IncomingMessage): Actor => {
    const actor = actors.get(request);
    if (actor === undefined) throw new LinewardError('UNAUTHENTICATED');
    return actor;
  };
  const isKnown = async ({ connectionParams, extra: { request } }: Connection): Promise<boolean> => {
    try {
      const header = connectionParams?.authorization ?? request.headers.authorization;
      actors.set(request, await options.authentication.actorOf(header, requestIdOf(request), addressOf(request)));
      return true;
    } catch (error) {
      if (toLinewardError(error).code === 'UNAUTHENTICATED') return false;
      throw error;
    }
  };
  const isStillKnown = async (connection: Connection): Promise<boolean> => {
    const isIt = await isKnown(connection);
    if (!isIt) connection.extra.socket.close(CloseCode.Forbidden, 'Forbidden');
    return isIt;
  };
  /** Also what comes bit by bit is read as by who asked for it. */
  const asReader = <T>({ actor }: RequestContext, work: () => T): T =>
    answerAs(isBound(actor) ? options.readers.of(actor) : null, actor.id, work);
  const cleanup = useServer<Parameters>(
    {
      execute: (args) => asReader(args.contextValue as RequestContext, () => execute(args)),
      subscribe: async (args) => {
        const context = args.contextValue as RequestContext;
        const events = await asReader(context, () => subscribe(args));
        return isAsyncGenerator(events) ? asReader(context, () => readOn(events)) : events;
      },
      onConnect: async (connection) => {
        if (!(await isKnown(connection))) return false;
        const { request, socket } = connection.extra;
        // One that closed while it was asked for counts no more.
        if (socket.readyState !== socket.OPEN) return false;
        const { id } = actorOf(request);
        if (open.open(request, id)) return true;
        socket.close(CloseCode.TooManyInitialisationRequests, 'Too many connections of this actor');
        return false;
      },
      // The answer repeats what was sent, and waits in memory for a client that does not read.
      onPing: ({ acknowledged, extra: { request, socket } }) => {
        if (!acknowledged || socket.bufferedAmount > payloadBytesMax) socket.terminate();
        else within(socket, () => options.allowances.request(actorOf(request)));
      },
      onSubscribe: async (connection, _id, payload) => {
        // Counted before anything is waited for: this one is among them, and those that come meanwhile are not.
        const isOver = Object.keys(connection.subscriptions).length > socketLimits.operationsOfConnection;
        if (!(await isStillKnown(connection))) return [badRequest(new LinewardError('UNAUTHENTICATED'))];
        const { request, socket } = connection.extra;
        if (!isOver) return admitOperation(options.schema, payload, { ...options, actor: actorOf(request) });
        within(socket, () => options.allowances.request(actorOf(request)));
        return [tooManyOperations()];
      },
      context: ({ extra: { request } }) => {
        return options.contextOf(actorOf(request), requestIdOf(request));
      },
      onError: ({ extra }, _id, _payload, errors) =>
        errors.map((error) => toGraphqlError(error.toJSON(), error, requestIdOf(extra.request))),
      onNext: async (connection, _id, _payload, args, result) => {
        // What is answered then goes nowhere: the connection is closing.
        if (!(await isStillKnown(connection))) return undefined;
        const { request, socket } = connection.extra;
        within(socket, () => options.allowances.query(actorOf(request), costOfEvent(args)));
        if (result.errors === undefined) return undefined;
        const requestId = requestIdOf(request);
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

/** Runs what counts against the allowance of an actor, and ends the connection where nothing is left. */
function within(socket: WebSocket, count: () => void): void {
  try {
    count();
  } catch (error) {
    if (toLinewardError(error).code !== 'RATE_LIMITED') throw error;
    socket.close(CloseCode.TooManyInitialisationRequests, 'Too much for this actor; try again in a minute');
  }
}

function tooManyOperations(): GraphQLError {
  const message = `A connection has at most ${socketLimits.operationsOfConnection} operations under way; complete some, or open another.`;
  return badRequest(new LinewardError('LIMIT_EXCEEDED', message));
}

function isAsyncGenerator<T extends object>(answer: object | AsyncGenerator<T>): answer is AsyncGenerator<T> {
  return Symbol.asyncIterator in answer;
}

/** True for clients that are no browser, and for pages that this listener itself served. */
function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}

const addressOf = ({ socket }: IncomingMessage): string => socket.remoteAddress ?? 'unknown';
