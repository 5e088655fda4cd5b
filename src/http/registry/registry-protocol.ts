import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods, RouteHandlerMethod } from 'fastify';
import { readContext, readSettingName, readSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { fromFastify } from '../listener.ts';

const answerTypes = [
  'application/vnd.schemaregistry.v1+json',
  'application/vnd.schemaregistry+json',
  'application/json',
] as const;
const requestTypes = [...answerTypes, 'application/octet-stream'];
const methods: readonly HTTPMethods[] = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'];

/** What a request wants to do with a subject, for access control. */
export type RegistryAction = 'READ' | 'WRITE' | 'DELETE' | 'CONFIG';

/** Decides whether a request may do something; throws FORBIDDEN when not. The subject is null for whole lists. */
export type RegistryAccess = (request: FastifyRequest, action: RegistryAction, subject: string | null) => void;

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
  readonly access: RegistryAccess;
}

/** Adds the handlers of a path, and 405 with `Allow` for every other method. */
export function addPath({ server, prefix, access }: RegistryScope, path: string, handlers: PathHandlers): void {
  const url = `${prefix}${path}`;
  for (const [method, entry] of Object.entries(handlers)) {
    const [action, handle] = entry;
    const handler: RouteHandlerMethod = (request, reply) => {
      access(request, action, paramOf(request, 'subject'));
      return handle(request, reply);
    };
    server.route({ method, url, handler });
  }
  const allowed = Object.keys(handlers);
  if (allowed.includes('GET')) allowed.push('HEAD');
  server.route({
    method: methods.filter((method) => !allowed.includes(String(method))),
    url,
    handler: (_request, reply) =>
      reply
        .status(405)
        .header('allow', allowed.join(', '))
        .send({ error_code: 405, message: 'HTTP 405 Method Not Allowed' }),
  });
}

/** Content types in and out, and the one shape of errors. `incompatibleCode` is the `error_code` of incompatible schemas. */
export function speakRegistryProtocol(server: FastifyInstance, incompatibleCode: number): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(requestTypes, { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, readBody(body));
    } catch (error) {
      done(error instanceof Error ? error : new LinewardError('BAD_INPUT'));
    }
  });
  server.addHook('onRequest', async (request, reply) => {
    const { accept } = request.headers;
    const type = accept === undefined ? answerTypes[0] : acceptedType(accept);
    if (type === null) {
      reply.type(answerTypes[0]);
      return reply.status(406).send({ error_code: 406, message: 'HTTP 406 Not Acceptable' });
    }
    reply.type(type);
  });
  server.setErrorHandler((error, request, reply) => {
    const { status, errorCode, message } = registryError(error, request, incompatibleCode);
    if (status === 401) reply.header('www-authenticate', 'Bearer, Basic realm="lineward"');
    return reply.status(status).send({ error_code: errorCode, message });
  });
  server.setNotFoundHandler((_request, reply) =>
    reply.status(404).send({ error_code: 404, message: 'HTTP 404 Not Found' }),
  );
}

function readBody(body: string | Buffer): unknown {
  if (body.length === 0) return undefined;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(body));
  } catch {
    throw new LinewardError('BAD_INPUT', 'The body is not valid UTF-8.');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new LinewardError('BAD_INPUT', 'The body is not valid JSON.');
  }
}

/** The first of our types that an Accept header allows with the highest quality; null when it allows none. */
function acceptedType(accept: string): string | null {
  const ranges = accept.split(',').map((part) => {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    return { range, quality: quality === undefined ? 1 : Number(quality) || 0 };
  });
  const qualityOf = (type: string): number =>
    Math.max(
      0,
      ...ranges
        .filter(
          ({ range }) =>
            range === type || range === '*/*' || (range.endsWith('/*') && type.startsWith(range.slice(0, -1))),
        )
        .map(({ quality }) => quality),
    );
  const best = answerTypes.toSorted((one, other) => qualityOf(other) - qualityOf(one))[0];
  return best !== undefined && qualityOf(best) > 0 ? best : null;
}

function registryError(
  error: unknown,
  request: FastifyRequest,
  incompatibleCode: number,
): { readonly status: number; readonly errorCode: number; readonly message: string } {
  const mediaType = typeof error === 'object' && error !== null && 'statusCode' in error && error.statusCode === 415;
  if (mediaType) return { status: 415, errorCode: 415, message: 'HTTP 415 Unsupported Media Type' };
  const fault = fromFastify(error);
  const { spec, code } = fault;
  if (spec.level === 'error') request.log.error({ code, error: fault.cause ?? fault }, 'registry request failed');
  const message = spec.exposed ? fault.message : spec.message;
  if (code === 'SCHEMA_INCOMPATIBLE') return { status: 409, errorCode: incompatibleCode, message };
  // A schema over a limit is an invalid schema to clients; a body over the limit is none yet.
  const isSchemaFault = code === 'FIELD_DUPLICATE' || (code === 'LIMIT_EXCEEDED' && fault.field.length > 0);
  if (isSchemaFault) return { status: 422, errorCode: 42_201, message };
  if (spec.http >= 500) return { status: spec.http, errorCode: 50_001, message };
  return { status: spec.http, errorCode: spec.registryCode ?? spec.http, message };
}

export function paramOf(request: FastifyRequest, name: string): string | null {
  const { params } = request;
  if (typeof params !== 'object' || params === null || !(name in params)) return null;
  return String(Reflect.get(params, name));
}

export function queryOf(request: FastifyRequest, name: string): string | null {
  const { query } = request;
  if (typeof query !== 'object' || query === null) return null;
  const value: unknown = Reflect.get(query, name);
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'string' ? first : null;
}

export function flagOf(request: FastifyRequest, name: string): boolean {
  return queryOf(request, name)?.toLowerCase() === 'true';
}

/** A whole number of the query; negative ones and text count as not given. */
export function countOf(request: FastifyRequest, name: string, otherwise: number): number {
  const text = queryOf(request, name);
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : otherwise;
}

/** The context that the path names; unqualified subjects are of it. */
export function contextOf(request: FastifyRequest): string {
  return readContext(paramOf(request, 'context') ?? '');
}

/** @throws LinewardError SUBJECT_INVALID */
export function subjectOf(request: FastifyRequest): SubjectName {
  return readSubjectName(paramOf(request, 'subject') ?? '', contextOf(request));
}

/** The subject or context whose settings the path names; without a subject, the context itself. */
export function placeOf(request: FastifyRequest): SubjectName {
  const subject = paramOf(request, 'subject');
  const context = contextOf(request);
  return subject === null ? { context, name: '' } : readSettingName(subject, context);
}

/** The body as an object. @throws LinewardError BAD_INPUT */
export function objectBody(request: FastifyRequest): Readonly<Record<string, unknown>> {
  const { body } = request;
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { ...body };
  throw new LinewardError('BAD_INPUT', 'The body must be a JSON object.');
}

/** True when the client says that it takes fields it does not know. */
export function takesUnknownFields(request: FastifyRequest): boolean {
  return request.headers['confluent-accept-unknown-properties'] === 'true';
}
