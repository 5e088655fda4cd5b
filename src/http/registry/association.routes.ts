import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { isBound } from '../../domain/access/access-decision.ts';
import { readAssociations, type WantedAssociation } from '../../domain/registry/association.ts';
import {
  printSubjectName,
  readContext,
  readSubjectName,
  type SubjectName,
} from '../../domain/registry/subject-name.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import { readAs, readWhole } from '../../services/access/reader.ts';
import type {
  Association,
  AssociationFilter,
  AssociationService,
} from '../../services/registry/association.service.ts';
import { subjectNotFound } from '../../services/registry/subject.read-model.ts';
import type { SubjectService } from '../../services/registry/subject.service.ts';
import type { SubjectDeletionService } from '../../services/registry/subject-deletion.service.ts';
import type { Reading } from '../reading.ts';
import { addPath, type RegistryScope } from './registry-protocol.ts';
import { flagOf, pageOf, paramOf, queryList, queryOf } from './request-values.ts';
import { objectBody, readSchemaRequest } from './schema-request.ts';

/** Most associations of one answer. */
const listMax = 1_000;
/** Most requests of one batch. */
const batchMax = 100;

export interface AssociationRoutesDeps extends Reading {
  readonly associations: AssociationService;
  readonly subjectService: SubjectService;
  readonly subjectDeletionService: SubjectDeletionService;
}

/** `/associations…`: which subject describes which topic, table or index. */
export function associationRoutes(scope: RegistryScope, deps: AssociationRoutesDeps): void {
  const { associations, subjectService, subjectDeletionService, readers, visibleThings } = deps;
  addPath(scope, '/associations', { POST: ['WRITE', (request) => put(request, objectBody(request), false)] });
  addPath(scope, '/associations/subjects/:subject', {
    GET: [
      'READ',
      async (request) => {
        const subject = readSubjectName(paramOf(request, 'subject') ?? '', contextAsked(request));
        return (await associations.ofSubject(subject, filterOf(request))).map(answer);
      },
    ],
  });
  addPath(scope, '/associations/resources/:resource', {
    GET: [
      'READ',
      async (request) => (await associations.ofResource({ id: resourceOf(request) }, filterOf(request))).map(answer),
    ],
    PUT: ['WRITE', (request) => put(request, { ...objectBody(request), resourceId: resourceOf(request) }, true)],
    DELETE: [
      'DELETE',
      async (request, reply) => {
        const cascade = flagOf(request, 'cascadeLifecycle');
        const id = resourceOf(request);
        await assertThere(request, { id, type: filterOf(request).resourceType }, []);
        const removed = await associations.remove(request.actor, id, filterOf(request), cascade);
        if (cascade) await removeSubjects(request, removed);
        return reply.status(204).send();
      },
    ],
  });
  addPath(scope, '/associations/resources/:namespace/:name', {
    GET: [
      'READ',
      async (request) => {
        const place = { namespace: paramOf(request, 'namespace') ?? '', name: paramOf(request, 'name') ?? '' };
        return (await associations.ofResource(place, filterOf(request))).map(answer);
      },
    ],
  });
  addPath(scope, '/associations::batchGet', { POST: ['READ', batchGet] });
  addPath(scope, '/associations::batchMutate', {
    POST: [
      'WRITE',
      async (request, reply) => {
        const results = await eachOf(request, async (item) => ({ result: await put(request, item, true) }));
        return reply.status(207).send({ results });
      },
    ],
  });

  async function batchGet(request: FastifyRequest): Promise<unknown> {
    return {
      results: await eachOf(request, async (item) => {
        const id = z.string().safeParse(item.resourceId);
        if (!id.success)
          throw new LinewardError('ASSOCIATION_INVALID', 'resourceId: must be text', { path: ['resourceId'] });
        return { result: (await associations.ofResource({ id: id.data }, filterOf(request))).map(answer) };
      }),
    };
  }

  async function put(request: FastifyRequest, body: unknown, mayChange: boolean): Promise<unknown> {
    const { resource, wanted } = readAssociations(body);
    const options = { mayChange, dryRun: flagOf(request, 'dryRun') };
    const subjects = wanted.map(({ subject }) => readSubjectName(subject, contextAsked(request)));
    await assertThere(request, resource, subjects);
    const made: Association[] = [];
    for (const one of wanted) {
      const subject = readSubjectName(one.subject, contextAsked(request));
      if (one.schema !== null && !options.dryRun) await register(request, one);
      made.push(await associations.put(request.actor, { resource, subject }, one, options));
    }
    return {
      resourceName: resource.name,
      resourceNamespace: resource.namespace,
      resourceId: resource.id,
      resourceType: resource.type,
      associations: made.map(({ subject, associationType, lifecycle, frozen }) => ({
        subject: printSubjectName(subject),
        associationType,
        lifecycle,
        frozen,
      })),
    };
  }

  /** Neither a subject that is hidden nor what is tied to one is there to be changed, or taken over. */
  async function assertThere(
    { actor }: FastifyRequest,
    { id, type }: { readonly id: string; readonly type: string },
    subjects: readonly SubjectName[],
  ): Promise<void> {
    if (!isBound(actor)) return;
    const filter = { resourceType: type, associationTypes: [], lifecycle: null, offset: 0, limit: listMax };
    const tied = () => associations.ofResource({ id }, filter);
    await readAs(readers.of(actor), async () => {
      for (const subject of subjects) if (await visibleThings.isSubjectHidden(subject)) throw subjectNotFound(subject);
      if ((await tied()).length < (await readWhole(tied)).length)
        throw new LinewardError('ASSOCIATION_NOT_FOUND', `Association for '${id.slice(0, 80)}' not found.`);
    });
  }

  async function register(request: FastifyRequest, { subject, schema, normalize }: WantedAssociation): Promise<void> {
    const name = readSubjectName(subject, contextAsked(request));
    const given = readSchemaRequest(schema ?? {});
    const text = given.text ?? '';
    await subjectService.register(request.actor, name, { ...given, text, normalize, id: null, version: null });
  }

  /** A subject that belonged to the resource alone goes with it. */
  async function removeSubjects(request: FastifyRequest, removed: readonly Association[]): Promise<void> {
    for (const { subject, lifecycle } of removed) {
      if (lifecycle === 'STRONG') await subjectDeletionService.deleteSubject(request.actor, subject, false);
    }
  }
}

function contextAsked(request: FastifyRequest): string {
  return readContext(queryOf(request, 'context') ?? paramOf(request, 'context') ?? '');
}

function resourceOf(request: FastifyRequest): string {
  return paramOf(request, 'resource') ?? '';
}

function filterOf(request: FastifyRequest): AssociationFilter {
  return {
    resourceType: queryOf(request, 'resourceType') || 'topic',
    associationTypes: queryList(request, 'associationType'),
    lifecycle: queryOf(request, 'lifecycle'),
    ...pageOf(request, listMax),
  };
}

function answer({ id, subject, resource, associationType, lifecycle, frozen }: Association): unknown {
  return {
    subject: printSubjectName(subject),
    guid: id,
    resourceName: resource.name,
    resourceNamespace: resource.namespace,
    resourceId: resource.id,
    resourceType: resource.type,
    associationType,
    lifecycle,
    frozen,
  };
}

const batch = z.object({ requests: z.array(z.record(z.string(), z.unknown())).max(batchMax) });

/** Does each request of a batch on its own; one that fails answers its error in its place. */
async function eachOf(
  request: FastifyRequest,
  work: (item: Readonly<Record<string, unknown>>) => Promise<object>,
): Promise<readonly object[]> {
  const parsed = batch.safeParse(objectBody(request));
  if (!parsed.success)
    throw new LinewardError('ASSOCIATION_BATCH_TOO_LARGE', `requests: must be a list of at most ${batchMax}`, {
      path: ['requests'],
    });
  const results: object[] = [];
  for (const item of parsed.data.requests) {
    try {
      results.push(await work(item));
    } catch (error) {
      const { spec, message } = toLinewardError(error);
      const text = spec.exposed ? message : spec.message;
      results.push({ error: { error_code: spec.registryCode ?? spec.http, message: text } });
    }
  }
  return results;
}
