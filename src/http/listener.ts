import { createHash, timingSafeEqual } from 'node:crypto';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Actor } from '../domain/access/actor.ts';
import { newId } from '../domain/id.ts';
import { LinewardError, toLinewardError } from '../errors/lineward-error.ts';
import { RequestLogger } from './request-logger.ts';

declare module 'fastify' {
  interface FastifyRequest {
    actor: Actor;
  }
}

export interface ListenerOptions {
  readonly logger: FastifyBaseLogger;
  /** Token that requests must carry; null turns authentication off. */
  readonly apiToken: string | null;
  readonly bodyLimitBytes: number;
  /** Takes `/a/` for `/a`. */
  readonly ignoreTrailingSlash?: boolean;
  /** Answers addresses that cannot be read, where the listener's protocol has a form for it. */
  readonly refuseAddress?: (error: Error, request: FastifyRequest, reply: FastifyReply) => void;
}

const openPaths = new Set(['/healthz', '/readyz']);
const requestIdPattern = /^[\w.-]{1,128}$/;

/** A Fastify server with what all listeners share: request ids, authentication, one shape of errors. */
export function createListener(options: ListenerOptions): FastifyInstance {
  // One random id for the listener and a number for each request: random bytes for each would take a fifth of a small answer.
  const listenerId = newId();
  let count = 0;
  const server = Fastify({
    loggerInstance: options.logger,
    // Requests are logged once, when they are answered, by the hook below.
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (parent, bindings) => new RequestLogger(parent, bindings),
    bodyLimit: options.bodyLimitBytes,
    // Topics have up to 249 characters, subjects more; what is not known is the route's to say.
    routerOptions: { maxParamLength: 2_048, ignoreTrailingSlash: options.ignoreTrailingSlash ?? false },
    ...(options.refuseAddress === undefined ? {} : { frameworkErrors: options.refuseAddress }),
    forceCloseConnections: 'idle',
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      if (typeof given === 'string' && requestIdPattern.test(given)) return given;
      count += 1;
      return `${listenerId}-${count.toString(36)}`;
    },
  });
  server.decorateRequest('actor');
  // None of these waits for anything, and a promise for each would be a tenth of a small answer.
  server.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    request.actor = authenticate(request, options.apiToken);
    done();
  });
  // A connection that is kept alive would hold up the stop after the last answer went out on it.
  let closing = false;
  server.addHook('preClose', async () => {
    closing = true;
  });
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) reply.header('connection', 'close');
    done(null, payload);
  });
  server.addHook('onResponse', (request, reply, done) => {
    done();
    if (!['debug', 'trace'].includes(request.log.level)) return;
    request.log.debug(
      {
        method: request.method,
        route: request.routeOptions.url,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
      },
      'request',
    );
  });
  server.setErrorHandler((error, request, reply) => {
    const fault = fromFastify(error);
    if (fault.spec.level === 'error')
      request.log.error({ code: fault.code, error: fault.cause ?? fault }, 'request failed');
    const message = fault.spec.exposed ? fault.message : fault.spec.message;
    if (fault.code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer, Basic realm="lineward"');
    return reply.status(fault.spec.http).send({ code: fault.code, message, requestId: request.id });
  });
  return server;
}

/** Our error for anything a route or Fastify itself threw. */
export function fromFastify(error: unknown): LinewardError {
  if (error instanceof LinewardError) return error;
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
  if (status === 413)
    return new LinewardError('LIMIT_EXCEEDED', 'The body is larger than this endpoint takes.', { cause: error });
  if (typeof status === 'number' && status >= 400 && status < 500) {
    // Fastify's own parser messages name the fault, not the content.
    return new LinewardError('BAD_INPUT', error instanceof Error ? error.message : undefined, { cause: error });
  }
  return toLinewardError(error);
}

function authenticate(request: FastifyRequest, apiToken: string | null): Actor {
  if (apiToken === null || openPaths.has(request.url)) return { id: 'local', kind: 'local', requestId: request.id };
  assertToken(request.headers.authorization, apiToken);
  return { id: 'api-token', kind: 'token', requestId: request.id };
}

/** @throws LinewardError UNAUTHENTICATED unless the header carries the token as Bearer, or as the password of Basic. */
export function assertToken(header: string | undefined, apiToken: string): void {
  const [scheme = '', credentials = ''] = (header ?? '').split(' ');
  const given =
    scheme.toLowerCase() === 'basic'
      ? Buffer.from(credentials, 'base64').toString('utf8').split(':').slice(1).join(':')
      : credentials;
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  if (!['basic', 'bearer'].includes(scheme.toLowerCase()) || !timingSafeEqual(digest(given), digest(apiToken))) {
    throw new LinewardError('UNAUTHENTICATED', 'Send the API token as "Authorization: Bearer <token>".');
  }
}
