import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { fromFastify } from '../listener.ts';
import type { RegistryAction } from './access.ts';
import { type AnswerType, answerTypeFor, answerTypes, isBodyType } from './content-types.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Content type that the client takes. */
    answerType: AnswerType;
  }
  interface FastifyContextConfig {
    /** Set on the routes that stand for methods which a path has not: those that it has, for the `Allow` header. */
    readonly allow?: string;
  }
}

const methods: readonly HTTPMethods[] = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'];

/** Largest body of a request, bytes: a schema of the largest size with each of its quotes escaped. */
const bodyBytesMax = 10 * 1024 * 1024;

/** Handlers of one path by method, as `[action, handler]`. */
export type PathHandlers = Partial<
  Record<
    'GET' | 'POST' | 'PUT' | 'DELETE',
    readonly [RegistryAction, (request: FastifyRequest, reply: FastifyReply) => unknown]
  >
>;

/** The scope that routes are added to: once at the root, once below `/contexts/{context}`. */
export interface RegistryScope {
  readonly server: FastifyInstance;
  readonly prefix: '' | '/contexts/:context';
}

/** Adds the handlers of a path, and 405 with `Allow` for every other method. */
export function addPath({ server, prefix }: RegistryScope, path: string, handlers: PathHandlers): void {
  const url = `${prefix}${path}`;
  const names = path.includes('/subjects/:subject') ? 'subject' : 'setting';
  for (const [method, [action, handle]] of Object.entries(handlers))
    server.route({ method, url, config: { access: { action, names } }, handler: handle });
  const allowed = Object.keys(handlers);
  if (allowed.includes('GET')) allowed.push('HEAD');
  server.route({
    method: methods.filter((method) => !allowed.includes(String(method))),
    url,
    config: { allow: allowed.join(', ') },
    handler: (_request, reply) => refuse(reply, 405, 'Method Not Allowed'),
  });
}

/** Answers what the protocol has no number of its own for: `error_code` is the HTTP status. */
function refuse(reply: FastifyReply, status: number, reason: string): FastifyReply {
  return reply.status(status).send({ error_code: status, message: `HTTP ${status} ${reason}` });
}

/** Answers addresses that no route can be found for: broken percent-encoding, or a part that is too long. */
export function refuseAddress(error: Error, _request: FastifyRequest, reply: FastifyReply): void {
  const isTooLong = 'statusCode' in error && error.statusCode === 414;
  const body = isTooLong
    ? { error_code: 414, message: 'HTTP 414 URI Too Long' }
    : { error_code: 400, message: 'The percent-encoding of the address is not valid.' };
  // Hooks do not run for an address that leads nowhere, so nothing else is set on the answer.
  reply.raw.writeHead(body.error_code, { 'content-type': answerTypes[0] });
  reply.raw.end(JSON.stringify(body));
}

/** Content types in and out, and the one shape of errors. `incompatibleCode` is the `error_code` of incompatible schemas. */
export function speakRegistryProtocol(server: FastifyInstance, incompatibleCode: number): void {
  readBodiesAsJson(server);
  server.decorateRequest('answerType', answerTypes[0]);
  server.addHook('onRequest', (request, reply, done) => {
    if (request.is404) return done();
    const { allow } = request.routeOptions.config;
    if (allow !== undefined) {
      reply.header('allow', allow);
      refuse(reply, 405, 'Method Not Allowed');
      return;
    }
    const answerType = answerTypeFor(request.headers.accept);
    if (answerType === null) {
      refuse(reply, 406, 'Not Acceptable');
      return;
    }
    request.answerType = answerType;
    if (hasBody(request) && !isBodyType(request.headers['content-type'])) {
      refuse(reply.header('connection', 'close'), 415, 'Unsupported Media Type');
      return;
    }
    done();
  });
  server.addHook('onSend', (request, reply, payload, done) => {
    // Set last: Fastify adds a charset to what is set earlier, and clients compare the type as a whole.
    if (reply.statusCode !== 204) reply.header('content-type', request.answerType);
    done(null, payload);
  });
  server.setErrorHandler((error, request, reply) => {
    const { status, errorCode, message } = registryError(error, request, incompatibleCode);
    if (status === 401) reply.header('www-authenticate', 'Bearer, Basic realm="lineward"');
    return reply.status(status).send({ error_code: errorCode, message });
  });
  server.setNotFoundHandler((_request, reply) => refuse(reply, 404, 'Not Found'));
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function readBodiesAsJson(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  // What may not come has been refused by its type before; a body without a type is JSON.
  server.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: bodyBytesMax },
    (_request: FastifyRequest, body: Buffer, done) => {
      if (body.length === 0) return done(null, undefined);
      if (!isUtf8(body)) return done(new LinewardError('BAD_INPUT', 'The body is not valid UTF-8.'));
      try {
        return done(null, JSON.parse(body.toString('utf8')));
      } catch {
        return done(new LinewardError('BAD_INPUT', 'The body is not valid JSON.'));
      }
    },
  );
}

/** Codes that the protocol answers otherwise than by their own HTTP status and number. */
const answeredAs: Partial<Record<ErrorCode, readonly [status: number, errorCode: number]>> = {
  FIELD_DUPLICATE: [422, 42_201],
  SEMANTIC_TYPE_UNKNOWN: [422, 42_201],
  LIMIT_EXCEEDED: [422, 42_201],
  FORBIDDEN: [403, 40_301],
  // 409 is for incompatible schemas; what met another writer too often may be tried again, as after a timeout.
  CONFLICT: [500, 50_002],
  TIMEOUT: [500, 50_002],
};

function registryError(
  error: unknown,
  request: FastifyRequest,
  incompatibleCode: number,
): { readonly status: number; readonly errorCode: number; readonly message: string } {
  const fault = faultOf(error);
  const { spec, code } = fault;
  if (spec.level === 'error') request.log.error({ code, error: fault.cause ?? fault }, 'registry request failed');
  const message = spec.exposed ? fault.message : spec.message;
  if (code === 'SCHEMA_INCOMPATIBLE') return { status: 409, errorCode: incompatibleCode, message };
  const as = answeredAs[code];
  if (as !== undefined) return { status: as[0], errorCode: as[1], message };
  // Whatever else breaks on our side is a failure of the store to clients.
  if (spec.http >= 500) return { status: 500, errorCode: 50_001, message };
  return { status: spec.http, errorCode: spec.registryCode ?? spec.http, message };
}

/** Our error for what was thrown. A body over the limit is a schema over the limit: nothing else in requests is large. */
function faultOf(error: unknown): LinewardError {
  const fault = fromFastify(error);
  if (error instanceof LinewardError || fault.code !== 'LIMIT_EXCEEDED') return fault;
  return new LinewardError('SCHEMA_TOO_LARGE', `The body has more than ${bodyBytesMax} bytes.`, { cause: error });
}
