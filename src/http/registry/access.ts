import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isBound } from '../../domain/access/access-decision.ts';
import type { Action } from '../../domain/access/role.ts';
import {
  defaultContext,
  readContext,
  readSettingName,
  readSubjectName,
  type SubjectName,
} from '../../domain/registry/subject-name.ts';
import type { AccessGuard } from '../../services/access/access-guard.ts';
import { readAs } from '../../services/access/reader.ts';
import { type SubjectReadModel, subjectNotFound } from '../../services/registry/subject.read-model.ts';
import type { Reading } from '../reading.ts';
import { paramOf } from './request-values.ts';

/** What a request does: reads, registers, deletes, or changes settings. */
export type RegistryAction = 'READ' | 'WRITE' | 'DELETE' | 'CONFIG';

/** What the `:subject` of a route names: a subject, for which its alias stands, or a place of settings. */
type Names = 'subject' | 'setting';

interface RegistryAccess {
  readonly action: RegistryAction;
  readonly names: Names;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Subject or place of settings that the request is about; null when it is about none. */
    registryPlace: SubjectName | null;
  }
  interface FastifyContextConfig {
    readonly access?: RegistryAccess;
  }
}

/** What the actions of the registry take. */
const permissions: Readonly<Record<RegistryAction, Action>> = {
  READ: 'DISCOVER',
  WRITE: 'REGISTER',
  DELETE: 'REGISTER',
  CONFIG: 'REGISTER',
};

/** The context that the address begins with, else the default one. @throws LinewardError SUBJECT_INVALID */
export function contextOf(request: FastifyRequest): string {
  const context = paramOf(request, 'context');
  return context === null ? defaultContext : readContext(context);
}

/** The subject or place of settings that the request is about. */
export function placeOf(request: FastifyRequest): SubjectName {
  return request.registryPlace ?? { context: contextOf(request), name: '' };
}

/** Finds out, before any handler runs, what each request is about, and whether its actor may do what it asks for. */
export function guardAccess(
  server: FastifyInstance,
  {
    subjects,
    access,
    readers,
    visibleThings,
  }: Reading & { readonly subjects: SubjectReadModel; readonly access: Pick<AccessGuard, 'assert'> },
): void {
  const assertMay = (request: FastifyRequest, { action }: RegistryAccess): void =>
    access.assert(request.actor, permissions[action], `${request.method} ${request.routeOptions.url ?? ''}`);
  server.decorateRequest('registryPlace', null);
  server.addHook('preHandler', (request, _reply, done) => {
    const wanted = request.routeOptions.config.access;
    if (wanted === undefined) return done();
    const name = paramOf(request, 'subject');
    assertMay(request, wanted);
    // Schemas by id pass here, so this way waits for nothing.
    if (name === null) return done();
    named(request, name, wanted.names)
      .then(async (place) => {
        await assertThere(request, place);
        request.registryPlace = place;
      })
      .then(() => done(), done);
  });

  /** Also before a change: a subject that is hidden is not there, and one cannot be made in its place. */
  async function assertThere({ actor }: FastifyRequest, place: SubjectName): Promise<void> {
    if (place.name === '' || !isBound(actor)) return;
    if (await readAs(readers.of(actor), () => visibleThings.isSubjectHidden(place))) throw subjectNotFound(place);
  }

  async function named(request: FastifyRequest, name: string, names: Names): Promise<SubjectName> {
    const context = contextOf(request);
    return names === 'setting' ? readSettingName(name, context) : subjects.aliased(readSubjectName(name, context));
  }
}
