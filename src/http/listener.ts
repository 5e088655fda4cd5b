import type { Server as HttpsServer, ServerOptions } from 'node:https';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Actor } from '../domain/access/actor.ts';
import type { Action } from '../domain/access/role.ts';
import { newId } from '../domain/id.ts';
import { LinewardError, toLinewardError } from '../errors/lineward-error.ts';
import type { AccessGuard } from '../services/access/access-guard.ts';
import type { Allowances } from '../services/access/allowances.ts';
import type { Authentication } from '../services/access/authentication.ts';
import { graphqlPath } from './graphql-path.ts';
import { type Reading, readByActor } from './reading.ts';
import { RequestLogger } from './request-logger.ts';
import { securityHeaders } from './security-headers.ts';

declare module 'fastify' {
  interface FastifyRequest {
    actor: Actor;
    /** Asks anew, for a request that streams for long. @throws LinewardError UNAUTHENTICATED once its token is no longer good. */
    actorNow(): Actor | Promise<Actor>;
  }
  interface FastifyContextConfig {
    /** What the route takes; null: it is open to everybody, also without authentication. */
    readonly action?: Action | null;
  }
}

/** What a listener proves itself with, PEM, and the authorities, if any, of the certificates that clients must show. */
interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
}

/** Where the certificate of the listeners comes from. */
export interface CertificateSource {
  readonly current: Certificate;
  onRenewal(follower: (renewed: Certificate) => void): void;
}

export interface ListenerOptions extends Reading {
  readonly logger: FastifyBaseLogger;
  readonly authentication: Pick<Authentication, 'actorOf'>;
  readonly access: Pick<AccessGuard, 'assert'>;
  readonly allowances: Pick<Allowances, 'request'>;
  /** Null: the listener speaks HTTP. */
  readonly certificate: CertificateSource | null;
  /** How long browsers that came by HTTPS hold the host to it; 0 for not at all. */
  readonly hstsSeconds: number;
  readonly bodyLimitBytes: number;
  /** Takes `/a/` for `/a`. */
  readonly ignoreTrailingSlash?: boolean;
  /** Answers addresses that cannot be read, where the listener's protocol has a form for it. */
  readonly refuseAddress?: (error: Error, request: FastifyRequest, reply: FastifyReply) => void;
}

/** Of a request to an address that is open to everybody. */
const anybody: Actor = { id: 'anonymous', kind: 'local', roles: [], requestId: null };
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
    ...(options.certificate === null ? {} : { https: tlsOptions(options.certificate.current) }),
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      if (typeof given === 'string' && requestIdPattern.test(given)) return given;
      count += 1;
      return `${listenerId}-${count.toString(36)}`;
    },
  });
  options.certificate?.onRenewal((renewed) => (server.server as HttpsServer).setSecureContext(tlsOptions(renewed)));
  admit(server, options);
  readByActor(server, options);
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
    if (fault.code === 'TIMEOUT')
      request.log.warn({ code: fault.code, route: request.routeOptions.url }, 'an answer took too long');
    const message = fault.spec.exposed ? fault.message : fault.spec.message;
    if (fault.code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer, Basic realm="lineward"');
    return reply.status(fault.spec.http).send({ code: fault.code, message, requestId: request.id });
  });
  return server;
}

/** Below TLS 1.2 nothing is secure. */
const tlsOptions = (certificate: Certificate): ServerOptions => {
  const asksClients = certificate.ca !== undefined;
  return { ...certificate, minVersion: 'TLSv1.2', requestCert: asksClients, rejectUnauthorized: asksClients };
};

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

/** Finds out who asks, and whether they may, before anything else of a request is looked at. */
function admit(
  server: FastifyInstance,
  { authentication, access, allowances, certificate, hstsSeconds }: ListenerOptions,
): void {
  const headers = Object.entries(securityHeaders({ hstsSeconds: certificate === null ? 0 : hstsSeconds }));
  server.decorateRequest('actor');
  server.decorateRequest('actorNow', function (this: FastifyRequest) {
    return authentication.actorOf(this.headers.authorization, this.id, this.ip);
  });
  // What nobody has thought of is not served. The GraphQL fields, and the subjects of the registry, have rules of their own.
  server.addHook('onRoute', ({ url, config }) => {
    const isRuled = config?.action !== undefined || config?.access !== undefined || config?.allow !== undefined;
    if (!isRuled && url !== graphqlPath) throw new LinewardError('INTERNAL', `the route ${url} has no access rule`);
  });
  // A promise for each request would be a tenth of a small answer: it waits for a token alone that this process has not seen.
  server.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    for (const [name, value] of headers) reply.header(name, value);
    const { action } = request.routeOptions.config;
    if (action === null) {
      request.actor = anybody;
      return done();
    }
    const admitted = (actor: Actor): void => {
      request.actor = actor;
      countRequest(allowances, actor, reply);
      if (action !== undefined) access.assert(actor, action, `${request.method} ${request.routeOptions.url ?? ''}`);
    };
    const actor = authentication.actorOf(request.headers.authorization, request.id, request.ip);
    if (!(actor instanceof Promise)) {
      admitted(actor);
      return done();
    }
    actor.then(admitted).then(() => done(), done);
  });
}

/** What is refused counts too, so that it fills no log. */
function countRequest(allowances: Pick<Allowances, 'request'>, actor: Actor, reply: FastifyReply): void {
  try {
    allowances.request(actor);
  } catch (error) {
    if (error instanceof LinewardError) reply.header('retry-after', String(error.details.retryAfterSeconds));
    throw error;
  }
}
