import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { isBound } from '../../domain/access/access-decision.ts';
import { mappingRoles } from '../../domain/operations/target.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { readAs } from '../../services/access/reader.ts';
import type { MappingService } from '../../services/registry/mapping.service.ts';
import type { RegistryReadModel } from '../../services/registry/registry.read-model.ts';
import type { RegisteredEntityVersion, RegistryService } from '../../services/registry/registry.service.ts';
import { readVersionNumber } from '../../services/registry/subject.read-model.ts';
import type { Reading } from '../reading.ts';
import { addPath, type RegistryScope } from './registry-protocol.ts';
import { paramOf, queryOf } from './request-values.ts';
import { objectBody } from './schema-request.ts';

type Entity = RegisteredEntityVersion['entity'];
type EntityVersion = RegisteredEntityVersion['version'];
type Mapped = Awaited<ReturnType<RegistryService['mapEntity']>>;

/** Most entities or versions of one answer. */
const pageMax = 100;

export interface EntityRoutesDeps extends Reading {
  readonly registry: RegistryReadModel;
  readonly registryService: RegistryService;
  readonly mappingService: MappingService;
}

const registration = z.object({ document: z.unknown(), aliases: z.array(z.string()).nullish() });
const mapping = z.object({
  dataset: z.object({ namespace: z.string(), name: z.string() }),
  role: z.enum(mappingRoles),
  accountField: z.string(),
  subjectFields: z.array(z.string()).nullish(),
});

/**
 * `/v1/entities…`: schema documents, and the topics, tables and indexes that hold records of an entity. The same as the
 * mutations `registerEntityVersion`, `mapEntity` and `unmapEntity`, for programs that speak plain HTTP. `{entity}` is `namespace.name` or an
 * alias.
 */
export function entityRoutes(
  scope: RegistryScope,
  { registry, registryService, mappingService, readers, visibleThings }: EntityRoutesDeps,
): void {
  addPath(scope, '/v1/entities', {
    GET: [
      'READ',
      async (request) => {
        const page = await registry.entities(pageAsked(request));
        return { entities: page.items.map(entityAnswer), next: nextOf(page) };
      },
    ],
    POST: ['WRITE', register],
  });
  addPath(scope, '/v1/entities/:entity', {
    GET: [
      'READ',
      async (request) => {
        const entity = await entityOf(request);
        const [aliases, pageFor] = await Promise.all([
          registry.aliasesOf([entity.id]),
          registry.versionsOf([entity.id], pageAsked(request)),
        ]);
        const page = pageFor(entity.id);
        return {
          ...entityAnswer(entity),
          aliases: aliases.get(entity.id) ?? [],
          versions: page.items.map(versionAnswer),
          next: nextOf(page),
        };
      },
    ],
  });
  addPath(scope, '/v1/entities/:entity/versions/:version', {
    GET: [
      'READ',
      async (request) => {
        const wanted = readVersionNumber(paramOf(request, 'version') ?? '');
        const { id } = await entityOf(request);
        const found = await (wanted === 'latest'
          ? registry.latestVersionOnly(id)
          : registry.versionNumbered(id, wanted));
        if (found === null)
          throw new LinewardError('VERSION_NOT_FOUND', `Version ${wanted} not found.`, { path: ['version'] });
        return JSON.parse(found.document);
      },
    ],
  });
  addPath(scope, '/v1/entities/:entity/mappings', {
    GET: ['READ', async (request) => (await registry.placesOf([(await entityOf(request)).id])).map(mappingAnswer)],
    PUT: ['WRITE', map],
    DELETE: ['DELETE', unmap],
  });

  /** What the body names must be there for the actor, as of a mutation. */
  async function assertThere({ actor }: FastifyRequest, body: unknown): Promise<void> {
    if (isBound(actor)) await readAs(readers.of(actor), () => visibleThings.assertArguments(body));
  }

  async function register(request: FastifyRequest): Promise<unknown> {
    const body = parsed(registration, objectBody(request));
    await assertThere(request, body);
    const made = await registryService.registerEntityVersion(request.actor, {
      document: body.document,
      aliases: body.aliases ?? [],
    });
    return {
      entity: entityAnswer(made.entity),
      version: versionAnswer(made.version),
      isNew: made.isNew,
      incompatibilities: made.conflict?.incompatibilities ?? [],
    };
  }

  async function map(request: FastifyRequest): Promise<unknown> {
    const entity = await entityOf(request);
    const body = parsed(mapping, objectBody(request));
    await assertThere(request, body);
    const given = { ...body, entityId: entity.id, subjectFields: body.subjectFields ?? [] };
    return mappingAnswer(await registryService.mapEntity(request.actor, given));
  }

  async function unmap(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const entity = await entityOf(request);
    const [namespace, name] = (['namespace', 'name'] as const).map((key) => queryOf(request, key));
    if (namespace == null || name == null)
      throw new LinewardError('BAD_INPUT', 'The query must name the dataset by `namespace` and `name`.');
    await mappingService.unmapEntity(request.actor, { entityId: entity.id, namespace, name });
    return reply.status(204).send();
  }

  async function entityOf(request: FastifyRequest): Promise<Entity> {
    const found = await registry.entityOfFullName(paramOf(request, 'entity') ?? '');
    if (found === null)
      throw new LinewardError('NOT_FOUND', 'There is no entity of this name; the path takes namespace.name.', {
        path: ['entity'],
      });
    return found;
  }
}

function pageAsked(request: FastifyRequest): PageRequest {
  const after = queryOf(request, 'after');
  return { first: pageMax, ...(after === null ? {} : { after }) };
}

/** Cursor of the next page; null on the last one. */
function nextOf<T>(page: Page<T>): string | null {
  const last = page.hasNextPage ? page.items.at(-1) : undefined;
  return last === undefined ? null : page.cursorOf(last);
}

function parsed<T extends z.ZodType>(shape: T, body: unknown): z.infer<T> {
  const result = shape.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = (issue?.path ?? []).map(String);
  throw new LinewardError('BAD_INPUT', `${path.join('.') || 'body'}: ${issue?.message ?? 'is not valid'}`, { path });
}

function entityAnswer({ id, namespace, name, catalogNamespace, createdAt, updatedAt }: Entity): object {
  return { id, namespace, name, catalogNamespace, createdAt, updatedAt };
}

function versionAnswer({ number, schemaId, label, fingerprint, createdBy, createdAt }: EntityVersion): object {
  return { number, schemaId, label, fingerprint, createdBy, createdAt };
}

function mappingAnswer({ mapping: one, dataset }: Mapped): object {
  const { role, accountField, subjectFields } = one;
  return { dataset: { namespace: dataset.namespace, name: dataset.name }, role, accountField, subjectFields };
}
