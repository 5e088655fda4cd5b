import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RegistryReadModel } from '../../services/registry/registry.read-model.ts';
import { fromFastify } from '../listener.ts';

const contentType = 'application/vnd.schemaregistry.v1+json';

class RegistryRefusal extends LinewardError {
  readonly errorCode: number;

  constructor(errorCode: number, message: string) {
    super(errorCode === 42_202 ? 'VALUE_INVALID' : 'NOT_FOUND', message);
    this.errorCode = errorCode;
  }
}

const schemaIdMax = 2 ** 31 - 1;
const subjectParam = z.object({ subject: z.string() });
const versionParam = z.object({ subject: z.string(), version: z.string() });
const idParam = z.object({ id: z.coerce.number().int().positive().max(schemaIdMax) });

/**
 * The catalog as a Confluent schema registry, for reading: every entity is a subject of its record name, its versions
 * keep their numbers, and a schema is the record of the document as Avro text. Registration is by GraphQL.
 */
export function registryRoutes(server: FastifyInstance, deps: { readonly registry: RegistryReadModel }): void {
  const { registry } = deps;
  server.addHook('onSend', async (_request, reply) => {
    reply.type(contentType);
  });
  server.setErrorHandler((error, _request, reply) => {
    const fault = fromFastify(error);
    const code =
      fault instanceof RegistryRefusal ? fault.errorCode : fault.spec.http === 500 ? 50_001 : fault.spec.http;
    return reply
      .status(fault.spec.http)
      .send({ error_code: code, message: fault.spec.exposed ? fault.message : fault.spec.message });
  });
  server.setNotFoundHandler((_request, reply) =>
    reply.status(404).send({ error_code: 404, message: 'HTTP 404 Not Found' }),
  );

  server.get('/', async () => ({}));
  server.get('/schemas/types', async () => ['AVRO']);
  server.get('/mode', async () => ({ mode: 'READONLY' }));
  server.get('/subjects', () => registry.subjectNames());
  server.get('/subjects/:subject/versions', async (request) => {
    const { subject } = subjectParam.parse(request.params);
    return (await versions(subject)).map((version) => version.number);
  });
  server.get('/subjects/:subject/versions/:version', async (request) => {
    const { subject, version } = versionParam.parse(request.params);
    const found = await versionOf(subject, version);
    return { subject, version: found.number, id: found.schemaId, schema: schemaText(found.document) };
  });
  server.get('/subjects/:subject/versions/:version/schema', async (request, reply: FastifyReply) => {
    const { subject, version } = versionParam.parse(request.params);
    return reply.send(schemaText((await versionOf(subject, version)).document));
  });
  server.get('/schemas/ids/:id', async (request) => {
    const parsed = idParam.safeParse(request.params);
    const found = parsed.success ? await registry.versionOfSchemaId(parsed.data.id) : null;
    if (found === null) throw new RegistryRefusal(40_403, 'Schema not found');
    return { schema: schemaText(found.document) };
  });

  async function versions(subject: string) {
    const found = await registry.versionsNamed(subject);
    if (found.length === 0) throw new RegistryRefusal(40_401, `Subject '${subject}' not found.`);
    return found;
  }

  async function versionOf(subject: string, version: string) {
    const found = await versions(subject);
    const isLatest = version.toLowerCase() === 'latest' || version === '-1';
    if (!isLatest && !/^[1-9]\d{0,9}$/.test(version)) {
      throw new RegistryRefusal(42_202, `The specified version '${version.slice(0, 40)}' is not a valid version id.`);
    }
    const match = isLatest ? found.at(-1) : found.find((candidate) => candidate.number === Number(version));
    if (match === undefined) throw new RegistryRefusal(40_402, `Version ${version} not found.`);
    return match;
  }
}

function schemaText(document: string): string {
  return JSON.stringify(z.object({ schema: z.unknown() }).parse(JSON.parse(document)).schema);
}
