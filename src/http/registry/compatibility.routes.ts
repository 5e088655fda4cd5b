import type { FastifyRequest } from 'fastify';
import { withConfigured } from '../../domain/registry/registry-config.ts';
import {
  type CompatibilityService,
  conflictMessages,
  type SubjectConflict,
} from '../../services/registry/compatibility.service.ts';
import type { RegistrySettingsService } from '../../services/registry/registry-settings.service.ts';
import { readVersionNumber, type SubjectReadModel } from '../../services/registry/subject.read-model.ts';
import type { SubjectService } from '../../services/registry/subject.service.ts';
import { addPath, flagOf, objectBody, paramOf, type RegistryScope, subjectOf } from './registry-protocol.ts';
import { readSchemaRequest } from './schema-request.ts';

export interface CompatibilityRoutesDeps {
  readonly subjects: SubjectReadModel;
  readonly subjectService: SubjectService;
  readonly compatibility: CompatibilityService;
  readonly registrySettingsService: RegistrySettingsService;
}

/** `/compatibility…`: whether a schema may follow the versions of a subject, and if not, why. Nothing is registered. */
export function compatibilityRoutes(scope: RegistryScope, deps: CompatibilityRoutesDeps): void {
  const { subjects, subjectService, compatibility, registrySettingsService } = deps;
  addPath(scope, '/compatibility/subjects/:subject/versions', { POST: ['READ', (request) => check(request, null)] });
  addPath(scope, '/compatibility/subjects/:subject/versions/:version', {
    POST: ['READ', (request) => check(request, paramOf(request, 'version') ?? '')],
  });

  async function check(request: FastifyRequest, versionText: string | null): Promise<unknown> {
    const version = versionText === null ? null : readVersionNumber(versionText);
    const given = readSchemaRequest(objectBody(request));
    const subject = await subjects.aliased(subjectOf(request));
    const { config } = await registrySettingsService.inForce(subject);
    const parsed = await subjectService.read(subject, given, flagOf(request, 'normalize') || config.normalize === true);
    const candidate = { parsed, metadata: withConfigured(config, given).metadata };
    if (version === null) return answer(request, await compatibility.conflictUnder(subject, candidate, config));
    const isUnknown = version === 'latest' && (await subjects.versions(subject, 'none')).length === 0;
    if (isUnknown) return answer(request, null);
    const found = await subjects.version(subject, version, 'none');
    return answer(request, await compatibility.conflictWith([found], candidate, config));
  }
}

function answer(request: FastifyRequest, conflict: SubjectConflict | null): unknown {
  const isCompatible = conflict === null;
  if (!flagOf(request, 'verbose')) return { is_compatible: isCompatible };
  return { is_compatible: isCompatible, messages: isCompatible ? [] : conflictMessages(conflict) };
}
